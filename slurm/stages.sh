#!/usr/bin/env bash
# Stages that need one task, one after the other:  PRIMUM_STAGES="prep sample" sbatch slurm/stages.sh [CONFIG] [key=value...]
#SBATCH --job-name=stages
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
for stage in ${PRIMUM_STAGES:?say which stages, as in PRIMUM_STAGES="prep sample"}; do
    primum_step "$stage" "${@:-configs/meditron_7b.yaml}"
done
