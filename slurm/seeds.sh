#!/usr/bin/env bash
# The whole run once a seed, each on one GPU:  sbatch --array=0-4 slurm/seeds.sh CONFIG [key=value...]
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
primum_step run "$config" "${@:2}" "seed=$SLURM_ARRAY_TASK_ID" "run_dir=runs/$(basename "$config" .yaml)-seed$SLURM_ARRAY_TASK_ID"
