#!/usr/bin/env bash
# The whole run once a seed, each on one GPU, in RUN/seed-K, and the report over all seeds that are done:
#   sbatch --array=0-4 slurm/seeds.sh CONFIG [key=value...]        (`primum plan CONFIG --seeds 5` prints it)
#SBATCH --job-name=seeds
#SBATCH --array=0-2
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x-%A_%a.log
. "$SLURM_SUBMIT_DIR/slurm/env.sh"
config=${1:-configs/meditron_7b.yaml}
seed=$SLURM_ARRAY_TASK_ID
# shellcheck disable=SC2086  # PRIMUM_LAUNCH is several words
run_dir=$(${PRIMUM_LAUNCH:-} primum config "$config" "${@:2}" | sed -n 's/^run_dir: //p')
report() { # a gate that is not met (3) leaves results all the same; the task that ends last reports on all seeds
    local status=$?
    # shellcheck disable=SC2086
    [ "$status" != 0 ] && [ "$status" != 3 ] || ${PRIMUM_LAUNCH:-} primum seeds "$run_dir" || true
    exit "$status"
}
trap report EXIT
# The splits are those of the array's first seed, so that all runs are measured on the same prompts.
primum_step run "$config" "${@:2}" "seed=$seed" "data.split.seed=${SLURM_ARRAY_TASK_MIN:-0}" "run_dir=$run_dir/seed-$seed"
