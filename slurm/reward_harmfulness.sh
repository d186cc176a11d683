#!/usr/bin/env bash
# The harmfulness reward model:  sbatch slurm/reward_harmfulness.sh [CONFIG] [key=value...]
#SBATCH --job-name=reward
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x-%j.log
. "$SLURM_SUBMIT_DIR/slurm/env.sh"
primum_step reward "${@:-configs/meditron_7b.yaml}"
