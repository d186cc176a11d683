# Sourced by every job script: what differs between clusters, and how a stage is launched.
#
# Yours goes into slurm/site.sh, which git ignores and this file reads:
#   export SBATCH_ACCOUNT=... SBATCH_PARTITION=... SBATCH_QOS=...     sbatch reads these where you submit: `. slurm/site.sh` first
#   module load ...                                                   modules
#   PRIMUM_LAUNCH="apptainer exec --nv primum.sif"                    a container: put before every command
#   export HF_HOME=/scratch/$USER/huggingface                         models and data, fetched on a node with internet
#   export NCCL_SOCKET_IFNAME=ib0 NCCL_IB_HCA=mlx5                    InfiniBand
#   export NCCL_SOCKET_IFNAME=hsn FI_CXI_RDZV_PROTO=alt_read NCCL_NET="AWS Libfabric"   Slingshot
# shellcheck shell=bash
set -euo pipefail
# sbatch runs a copy of the script from its spool: only this variable says where the repository is.
cd "${SLURM_SUBMIT_DIR:-$PWD}"
[ -d slurm ] || { echo "submit from the repository's root: $PWD has no slurm/" >&2; exit 2; }
# shellcheck disable=SC1091
[ ! -f slurm/site.sh ] || . slurm/site.sh
[ ! -d .venv/bin ] || PATH=$PWD/.venv/bin:$PATH

# Compute nodes have no internet; wandb records beside the run, for `wandb sync`.
export HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1} HF_DATASETS_OFFLINE=${HF_DATASETS_OFFLINE:-1} WANDB_MODE=${WANDB_MODE:-offline}
# What compilers write stays on the node: many nodes writing into one home directory is slow and races.
node_local=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/primum-${SLURM_JOB_ID:-0}
# Kernels are kept for the next jobs on the node, where nobody else can have made the folder.
compiled=/tmp/primum-compiled-$(id -u)
mkdir -m 700 "$compiled" 2>/dev/null || [ -O "$compiled" ] || compiled=$node_local
export TRITON_CACHE_DIR=$compiled/triton TORCHINDUCTOR_CACHE_DIR=$compiled/inductor TORCH_EXTENSIONS_DIR=$node_local/extensions
export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false TORCH_CPP_LOG_LEVEL=${TORCH_CPP_LOG_LEVEL:-ERROR}

# primum_step STAGE CONFIG [key=value...]: the stage on all tasks of this job; on notice to stop, the job runs again.
primum_step() {
    local status=0 host
    # The first node's name, which all nodes resolve; localhost would be another machine on each.
    host=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
    export MASTER_ADDR=$host MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000)) # by job, so that two on a node do not meet
    export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}                   # srun does not take it from sbatch by itself
    # Made by a stage that stopped in time: srun's own status may be that of a rank it then killed.
    export PRIMUM_PREEMPTED=$PWD/logs/.$SLURM_JOB_ID.${SLURM_RESTART_COUNT:-0}.preempted
    # The end that Slurm plans, in seconds since 1970; without one there is no limit to mind.
    PRIMUM_DEADLINE=$(date -d "$(squeue -h -j "$SLURM_JOB_ID" -o %e)" +%s 2>/dev/null) && export PRIMUM_DEADLINE || unset PRIMUM_DEADLINE
    rm -f "$PRIMUM_PREEMPTED"
    # ALL: under `sbatch --export=NONE` srun would hand on no PATH. Kill: when a rank dies, the
    # others would wait in a collective until it times out.
    # Until the stage listens, USR1 would kill it: ignored, it costs at most the notice, and the time limit is minded without one.
    # shellcheck disable=SC2086,SC2016  # PRIMUM_LAUNCH is several words; the tasks' shells expand the rest
    srun --export=ALL --kill-on-bad-exit=1 ${PRIMUM_LAUNCH:-} bash -c 'trap "" USR1; exec primum "$@"' primum "$@" \
        "trainer.num_nodes=$SLURM_JOB_NUM_NODES" "trainer.devices=${SLURM_NTASKS_PER_NODE:-1}" || status=$?
    if [ "$status" != 0 ] && [ -e "$PRIMUM_PREEMPTED" ]; then
        rm -f "$PRIMUM_PREEMPTED"
        run_again "$@"
    fi
    [ "$status" = 0 ] || exit "$status"
}

# Under the same id where Slurm allows it; else a copy of this job, which takes its place in the chain.
run_again() {
    if scontrol requeue "$SLURM_JOB_ID" 2>/dev/null; then
        sleep 600 # Slurm ends this shell meanwhile
        exit 75
    fi
    local next dependent
    next=$(sbatch --parsable --job-name="$SLURM_JOB_NAME" --nodes="$SLURM_JOB_NUM_NODES" --ntasks-per-node="${SLURM_NTASKS_PER_NODE:-1}" \
        --dependency="afterany:$SLURM_JOB_ID" "$0" "${PRIMUM_ARGUMENTS[@]}")
    # What waits for this job must wait for its copy, or the chain would end here.
    for dependent in $(squeue -h -u "$USER" -t PENDING -o '%i %E' | awk -v job="$SLURM_JOB_ID" '$2 ~ "afterok:" job "([^0-9]|$)" { print $1 }'); do
        scontrol update "JobId=$dependent" "Dependency=afterok:$next"
    done
    echo "stopped in time; goes on as job $next"
    exit 75
}
PRIMUM_ARGUMENTS=("$@")
