#!/usr/bin/env bash
# Supervised fine-tuning on safe completions:  sbatch slurm/sft_meditron.sh [CONFIG] [key=value...]
#SBATCH --job-name=sft
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=08:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x-%j.log
. "$SLURM_SUBMIT_DIR/slurm/env.sh"
primum_step "${PRIMUM_STAGE:-sft}" "${@:-configs/meditron_7b.yaml}"
