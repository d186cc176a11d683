#!/usr/bin/env bash
# Every stage as a job that waits for the one before:  slurm/pipeline.sh [CONFIG] [key=value...]     (on the login node)
#
# A stage that fails stops the chain. STAGES_OPTIONS, REWARD_OPTIONS, SFT_OPTIONS, DPO_OPTIONS and EVAL_OPTIONS are options of their jobs, as in
# DPO_OPTIONS="--nodes=2"; more tasks for STAGES and EVAL share the prompts between them.
SLURM_SUBMIT_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$SLURM_SUBMIT_DIR/slurm/env.sh"

last=
job() { # job NAME OPTIONS SCRIPT: shellcheck disable=SC2086
    local after=${last:+--dependency=afterok:$last}
    # shellcheck disable=SC2086  # OPTIONS are several words
    last=$(sbatch --parsable --job-name="$1" $after --kill-on-invalid-dep=yes $2 "slurm/$3" "${PRIMUM_ARGUMENTS[@]}")
    echo "$1 is job $last"
}
PRIMUM_STAGES="prep sample" job sample "${STAGES_OPTIONS:-}" stages.sh
job reward "${REWARD_OPTIONS:-}" reward_harmfulness.sh
PRIMUM_STAGES="score pairs" job pairs "${STAGES_OPTIONS:-}" stages.sh
job sft "${SFT_OPTIONS:-}" sft_meditron.sh
job dpo "${DPO_OPTIONS:-}" dpo_meditron.sh
rounds=$(primum config "${PRIMUM_ARGUMENTS[@]:-configs/meditron_7b.yaml}" | awk '$1 == "rounds:" { print $2 }')
for ((round = 2; round <= rounds; round++)); do
    PRIMUM_STAGES="sample_$round score_$round pairs_$round" job "pairs_$round" "${STAGES_OPTIONS:-}" stages.sh
    PRIMUM_STAGE=dpo_$round job "dpo_$round" "${DPO_OPTIONS:-}" dpo_meditron.sh
done
PRIMUM_STAGE=sft_control job sft_control "${DPO_OPTIONS:-}" sft_meditron.sh
job eval "${EVAL_OPTIONS:-}" eval.sh
PRIMUM_STAGES=release job release "" stages.sh
