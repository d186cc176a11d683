#!/usr/bin/env bash
# Online reinforcement learning under a limit on over-refusal:  sbatch slurm/rlhf_meditron.sh [CONFIG] [key=value...]
#SBATCH --job-name=rlhf
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/%x-%j.log
. "$SLURM_SUBMIT_DIR/slurm/env.sh"
primum_step "${PRIMUM_STAGE:-rlhf}" "${@:-configs/meditron_7b.yaml}"
