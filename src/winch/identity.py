"""What makes a process comparable with others on the same machine."""

from __future__ import annotations

from pathlib import Path

from winch.ids import new_id

__all__ = ["boot_id", "process_start"]


def boot_id() -> str:
    """Equal for two processes exactly if they can compare pids: the kernel's boot id and the pid namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return new_id()


def process_start(pid: int) -> int:
    """When a process started, as the kernel counts (clock ticks since boot); 0 if it does not run or cannot be asked."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[19])
