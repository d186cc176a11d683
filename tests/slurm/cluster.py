"""A two-node Slurm cluster on this machine, for as long as this process lives.

    python tests/slurm/cluster.py DIRECTORY        then, in another shell: export
        SLURM_CONF=DIRECTORY/slurm.conf

Each node is a slurmd in mount, host name, network and process namespaces of its own: node1 and
node2 differ in name, address and loopback as on a real cluster, and share the file system. Slurm
only counts what nodes claim to have, so scripts that ask for GPUs and hundreds of gigabytes run
unchanged. Needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN, and the commands in COMMANDS.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

COMMANDS = (
    "slurmctld",
    "slurmd",
    "sbatch",
    "srun",
    "scontrol",
    "squeue",
    "munged",
    "ip",
    "unshare",
)
NODES = ("node1", "node2")
START_SECONDS = 60
OVER = {
    "COMPLETED",
    "FAILED",
    "CANCELLED",
    "TIMEOUT",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "DEADLINE",
    "BOOT_FAIL",
}
"""States of a job that will not run any more."""
# A requeued job is held back for cred_expire + 1 s (less than 5 s is taken for the default of 120);
# finished jobs can be asked about for an hour.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost=controller({net}.1)
SlurmUser=root
SlurmdUser=root
CommunicationParameters=NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={run}/munge/socket,cred_expire=5
StateSaveLocation={run}/state
SlurmdSpoolDir={run}/spool/%n
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
MinJobAge=3600
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=4000
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=3600
EnforcePartLimits=ALL
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=1
KillWait=20
MailProg=/bin/true
GresTypes=gpu
NodeName=node1 NodeAddr={net}.11 CPUs=64 RealMemory=512000 Gres=gpu:4 State=UNKNOWN
NodeName=node2 NodeAddr={net}.12 CPUs=64 RealMemory=512000 Gres=gpu:4 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES DefaultTime=60 MaxTime=INFINITE State=UP
"""
CONTROLLER = """
echo controller >/proc/sys/kernel/hostname
mount --bind {hosts} /etc/hosts
exec slurmctld -D -f {conf}
"""
# /dev/shm is the node's own; eth0 appears once this process's namespace is known.
NODE = """
echo {node} >/proc/sys/kernel/hostname
mount --bind {hosts} /etc/hosts
mount -t tmpfs tmpfs /dev/shm
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip addr add {address}/24 dev eth0 && ip link set eth0 up
exec slurmd -D -N {node} -f {conf}
"""


def missing() -> list[str]:
    """Commands that are not installed, and rights that this process lacks."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    lacking = [name for name in COMMANDS if not shutil.which(name, path=path)]
    return lacking or ([] if os.geteuid() == 0 else ["root"])


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        # Sockets and keys lie under /run: short paths (a socket's has 107 bytes at most), and only
        # root writes to the parents.
        self.run = Path(tempfile.mkdtemp(prefix="primum-slurm-", dir="/run"))
        self.run.chmod(0o755)
        self.conf = self.folder / "slurm.conf"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.bridge = ""
        os.environ["PATH"] += ":/usr/sbin:/sbin"

    @property
    def environment(self) -> dict[str, str]:
        """For commands that talk to this cluster; a job inherits it."""
        return {**os.environ, "SLURM_CONF": str(self.conf)}

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def call(
        self, *command: str, check: bool = True, cwd: Path | None = None, **variables: str
    ) -> str:
        result = subprocess.run(
            command, capture_output=True, text=True, cwd=cwd, env={**self.environment, **variables}
        )
        if check and result.returncode:
            raise RuntimeError(
                f"{' '.join(command)}: {result.stderr.strip() or result.stdout.strip()}"
            )
        return result.stdout.strip()

    def stop(self) -> None:
        for process in self.processes:
            # each is process 1 of its namespace, or goes with it: nothing that ran there is left
            process.kill()
            process.wait()
        if self.bridge:
            for link in (f"{self.bridge}-1", f"{self.bridge}-2", self.bridge):
                subprocess.run(["ip", "link", "del", link], capture_output=True)
        shutil.rmtree(self.run, ignore_errors=True)

    def _start(self) -> None:
        net = self._make_bridge()
        hosts = self.folder / "hosts"
        addresses = {"controller": f"{net}.1", "node1": f"{net}.11", "node2": f"{net}.12"}
        hosts.write_text(
            "127.0.0.1 localhost\n"
            + "".join(f"{address} {name}\n" for name, address in addresses.items())
        )
        for name in ("munge", "state", "spool/node1", "spool/node2", "dev"):
            (self.run / name).mkdir(parents=True, mode=0o755)
        for i in range(4):
            # Slurm wants a device file for each GPU.
            os.mknod(self.run / "dev" / f"gpu{i}", 0o666 | 0o020000, os.makedev(1, 3))
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.run}/dev/gpu[0-3]\n")
        self.conf.write_text(CONFIGURATION.format(net=net, run=self.run, folder=self.folder))
        key = self.run / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed"}
        options = [f"--{option}={self.run}/munge/{name}" for option, name in files.items()]
        self._spawn(
            "munged", ["munged", "--foreground", *options, f"--log-file={self.run}/munge/log"]
        )
        self._await("munged", lambda: (self.run / "munge" / "socket").exists())
        names = {"hosts": hosts, "conf": self.conf}
        self._spawn("slurmctld", [*self._namespaces(), "bash", "-c", CONTROLLER.format(**names)])
        self._await("slurmctld", lambda: "is UP" in self.call("scontrol", "ping", check=False))
        for number, node in enumerate(NODES, 1):
            process = self._spawn(
                node,
                [
                    *self._namespaces("--net"),
                    "bash",
                    "-c",
                    NODE.format(node=node, address=addresses[node], **names),
                ],
            )
            self._await(
                node,
                lambda pid=process.pid: (
                    os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
                ),
            )
            link = f"{self.bridge}-{number}"
            inside = ("peer", "name", "eth0", "netns", str(process.pid))
            self.call("ip", "link", "add", link, "type", "veth", *inside)
            self.call("ip", "link", "set", link, "master", self.bridge, "up")
        self._await(
            "the nodes",
            lambda: (
                self.call("sinfo", "-h", "-N", "-o", "%T", check=False).split() == ["idle", "idle"]
            ),
        )

    def _make_bridge(self) -> str:
        """A free subnet of 198.18.0.0/15, which is set aside for tests; making the bridge claims
        it.
        """
        taken = self.call("ip", "-4", "route", "show", "table", "all")
        for number in range(1 + os.getpid() % 200, 250):
            net = f"198.18.{number}"
            if (
                f"{net}." in taken
                or subprocess.run(
                    ["ip", "link", "add", f"primum{number}", "type", "bridge"], capture_output=True
                ).returncode
            ):
                continue
            self.bridge = f"primum{number}"
            self.call("ip", "addr", "add", f"{net}.1/24", "dev", self.bridge)
            self.call("ip", "link", "set", self.bridge, "up")
            return net
        raise RuntimeError("cannot make a bridge interface: needs CAP_NET_ADMIN")

    def _namespaces(self, *more: str) -> list[str]:
        return [
            "unshare",
            "--mount",
            "--uts",
            "--pid",
            *more,
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]

    def _spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.err").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                preexec_fn=_die_with_parent,
            )
        self.processes.append(process)
        return process

    def _await(self, what: str, ready: Callable[..., bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            ended = [process for process in self.processes if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = "".join(
                    path.read_text()[-600:] for path in sorted(self.folder.glob("*.err"))
                )
                raise RuntimeError(
                    f"{what}: not ready ({'a process ended' if ended else f'{START_SECONDS} s'}; "
                    f"needs CAP_SYS_ADMIN)\n{logs}"
                )
            time.sleep(0.05)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def main() -> None:
    lacking = missing()
    if lacking:
        sys.exit(
            f"not here: {', '.join(lacking)}; apt-get install slurmctld slurmd slurm-client munge "
            "iproute2 util-linux"
        )
    with Cluster(Path(sys.argv[1])) as cluster:
        print(f"export SLURM_CONF={cluster.conf}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
