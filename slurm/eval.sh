#!/usr/bin/env bash
# All policies side by side, and the report:  sbatch slurm/eval.sh [CONFIG] [key=value...]
#SBATCH --job-name=eval
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=08:00:00
#SBATCH --signal=USR1@60
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x-%j.log
. "$SLURM_SUBMIT_DIR/slurm/env.sh"
primum_step eval "${@:-configs/meditron_7b.yaml}"
