#!/usr/bin/env bash
# Every stage as a job that waits for the one before:  slurm/pipeline.sh [CONFIG] [key=value...]     (on the login node)
#
# The jobs are those that `primum plan CONFIG --slurm` prints. A stage that fails stops the chain. STAGES_OPTIONS, REWARD_OPTIONS,
# SFT_OPTIONS, DPO_OPTIONS, EVAL_OPTIONS and RELEASE_OPTIONS are options of their jobs, as in DPO_OPTIONS="--nodes=2"; more tasks for
# STAGES and EVAL share the prompts between them.
SLURM_SUBMIT_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$SLURM_SUBMIT_DIR/slurm/env.sh"

[ "$#" != 0 ] || PRIMUM_ARGUMENTS=(configs/meditron_7b.yaml)
plan=$(primum plan --slurm "${PRIMUM_ARGUMENTS[@]}")
last=
while read -r name script options stages; do
    after=${last:+--dependency=afterok:$last}
    # No input, or sbatch would read the rest of the plan. A job whose turn can never come leaves
    # the queue, where it would stay pending for ever.
    # shellcheck disable=SC2086  # the user's options are several words
    last=$(PRIMUM_STAGES=$stages PRIMUM_STAGE=$stages sbatch --parsable --job-name="$name" $after --kill-on-invalid-dep=yes ${!options:-} \
        "slurm/$script" "${PRIMUM_ARGUMENTS[@]}" </dev/null)
    echo "$name is job $last"
done <<<"$plan"
