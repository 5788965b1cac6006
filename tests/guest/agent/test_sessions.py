"""Sessions on a machine, with data of real machines (OpenSSH 9.2, mosh 1.4, systemd 257), and what does not count as one."""

from collections.abc import Sequence

import pytest

from dormouse.guest.agent.filesystem import FileSystem
from dormouse.guest.agent.sessions.sessions import terminals_of_people
from dormouse.guest.agent.sessions.sources import Connections, Logins, OpaqueSessions, SessionCounter
from dormouse.guest.agent.sources import read_source
from dormouse.guest.agent.system.processes import Processes
from tests.guest.fakes import Machine

HERE, AWAY, ITSELF = "0400000A", "0500000A", "0100007F"


@pytest.fixture
def filesystem(machine: Machine) -> FileSystem:
    """A machine like Debian 13: without utmp."""
    (machine.root / "var/run/utmp").unlink()
    return FileSystem(str(machine.root))


def told(people: SessionCounter, moment: float) -> tuple[dict[str, float], list[str]]:
    """What is known of sessions, and the reasons for what is not."""
    answers = [read_source(source, moment, 0.0) for source in (Logins(people), Connections(people), OpaqueSessions(people))]
    return {name: value for known, _ in answers for name, value in known.items()}, [why for _, why in answers if why]


def seen(filesystem: FileSystem) -> tuple[float, float, float]:
    """Sessions, connections, and sessions whose input is not visible."""
    signals, why = told(SessionCounter(filesystem, Processes(filesystem)), 0.0)
    assert not why
    return signals["logins"], signals["connections"], signals["sessions_opaque"]


def unseen(filesystem: FileSystem) -> str:
    signals, why = told(SessionCounter(filesystem, Processes(filesystem)), 0.0)
    assert signals == {}
    assert len(why) == 3
    return why[0]


def shown(filesystem: FileSystem) -> list[str]:
    return terminals_of_people(filesystem, Processes(filesystem))


def port(number: int, address: str = HERE) -> str:
    return f"{address}:{number:04X}"


def ssh(machine: Machine, pid: int, title: str, inode: int = 0, *, server: str = "sshd") -> None:
    """An SSH session with its privileged parent, and a socket that both have open."""
    machine.process(20, "sshd", command="sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups")
    machine.process(pid, server, 20, f"{server}: ana [priv]")
    machine.process(pid + 1, server, pid, f"{server}: {title}")
    machine.sockets(pid + 1, inode)


def test_a_machine_without_utmp_and_logind_has_no_sessions(filesystem: FileSystem) -> None:
    assert seen(filesystem) == (0, 0, 0)
    assert shown(filesystem) == []


@pytest.mark.parametrize("number", [22, 2222, 50000])
@pytest.mark.parametrize("server", ["sshd", "sshd-session"])
def test_an_editor_over_ssh_counts_as_a_session_on_any_port(
    machine: Machine, filesystem: FileSystem, number: int, server: str
) -> None:
    ssh(machine, 30, "ana@notty", 7, server=server)
    machine.connected((port(number), "00000000:0000", "0A", 6), (port(number), port(50123, AWAY), "01", 7))
    assert seen(filesystem) == (1, 1, 1)
    assert shown(filesystem) == []


@pytest.mark.parametrize(("title", "opaque"), [("root@pts/0", 0), ("CORP\\ana@pts/3", 0), ("ana", 1), ("root@notty", 1)])
def test_ssh_sessions_of_every_kind_count(machine: Machine, filesystem: FileSystem, title: str, opaque: int) -> None:
    ssh(machine, 30, title, 7)
    machine.connected((port(22), port(50123, AWAY), "01", 7))
    assert seen(filesystem) == (1, 1, opaque)


def test_the_sftp_process_belongs_to_its_ssh_session(machine: Machine, filesystem: FileSystem) -> None:
    ssh(machine, 30, "ana@notty", 7)
    machine.process(32, "sshd", 31, "sshd: ana@internal-sftp")
    machine.connected((port(22), port(50123, AWAY), "01", 7))
    assert seen(filesystem) == (1, 1, 1)


def test_ssh_sessions_without_process_titles_are_recognized_by_user(machine: Machine, filesystem: FileSystem) -> None:
    machine.process(20, "sshd", command="/usr/sbin/sshd -D")
    machine.process(30, "sshd", 20, "/usr/sbin/sshd -D -R")
    machine.process(31, "sshd", 30, "/usr/sbin/sshd -D -R")
    machine.user(30, 0)
    machine.user(31, 109)  # of sshd itself, before a login succeeds
    assert seen(filesystem)[0] == 0
    machine.user(31, 1000)
    machine.sockets(31)
    assert seen(filesystem)[0] == 1


@pytest.mark.parametrize(
    "title",
    [
        "unknown [preauth]",
        "unknown [priv]",
        "[accepted]",
        "ana [net]",
        "[net]",
        "/usr/sbin/sshd -D [listener] 1 of 10-100 startups",
    ],
)
def test_a_rejected_or_unfinished_login_is_not_a_session(machine: Machine, filesystem: FileSystem, title: str) -> None:
    ssh(machine, 30, title, 7)
    machine.connected((port(22), port(50123, AWAY), "01", 7), (port(22), port(50124, AWAY), "01", 8))
    assert seen(filesystem) == (0, 0, 0)


def test_only_incoming_connections_of_sessions_are_counted(machine: Machine, filesystem: FileSystem) -> None:
    ssh(machine, 30, "ana@pts/0", 7)
    machine.sockets(30, 7)
    machine.sockets(99, 9)
    (machine.root / "proc/31/fd/9").symlink_to("socket:[8]")  # forwarded by the session to a web server elsewhere
    (machine.root / "proc/31/fd/10").symlink_to("socket:[10]")  # the session's listener for remote forwarding
    (machine.root / "proc/31/fd/11").symlink_to("pipe:[7]")
    rows = [
        (port(2222), port(50123, AWAY), "01", 7),
        (port(50001), port(443, AWAY), "01", 8),
        (port(443), AWAY + ":C000", "01", 9),
    ]
    machine.connected(*rows, (port(8080, ITSELF), "00000000:0000", "0A", 10))
    assert seen(filesystem) == (1, 1, 0)
    mapped = "0" * 16 + "FFFF0000"
    machine.connected((f"{mapped}{HERE}:08AE", f"{mapped}{AWAY}:C000", "01", 12), file="tcp6")
    (machine.root / "proc/31/fd/12").symlink_to("socket:[12]")
    assert seen(filesystem) == (1, 2, 0)


def test_a_session_known_from_several_sources_counts_once(machine: Machine, filesystem: FileSystem) -> None:
    ssh(machine, 30, "ana@pts/0", 7)
    machine.process(32, "bash", 31, "-bash", terminal="pts/0")
    machine.logind("3", SERVICE="sshd", LEADER=30, TTY="pts/0")
    machine.write("/run/systemd/sessions/3.ref")
    machine.logged_in((7, 30, "ana"))
    machine.connected((port(22), port(50123, AWAY), "01", 7))
    assert seen(filesystem) == (1, 1, 0)
    assert shown(filesystem) == ["/dev/pts/0"]
    machine.logged_in((7, 32, "ana"))  # some systems record the shell
    machine.process(33, "su", 32, terminal="pts/0", leads=32)
    machine.logind("4", SERVICE="login", LEADER=33, TTY="pts/0")
    assert seen(filesystem) == (1, 1, 0)


@pytest.mark.parametrize(
    ("said", "expected", "terminals"),
    [
        ({"SERVICE": "login", "TTY": "tty1", "REMOTE": 0}, (1, 0), ["/dev/tty1"]),
        ({"SERVICE": "login", "TTY": "ttyS0"}, (1, 0), ["/dev/ttyS0"]),
        ({"SERVICE": "sshd", "TTY": "pts/4", "CLASS": "user-early"}, (1, 0), ["/dev/pts/4"]),
        ({"SERVICE": "cockpit", "TYPE": "web"}, (1, 1), []),
        ({"SERVICE": "gdm-password", "TYPE": "wayland", "TTY": "tty2"}, (1, 1), []),
        ({"SERVICE": "xrdp-sesman", "TYPE": "x11"}, (1, 1), []),
        ({"STATE": "closing", "TTY": "pts/0"}, (0, 0), []),
        ({"CLASS": "greeter", "SERVICE": "gdm-launch-environment", "TYPE": "wayland", "TTY": "tty1"}, (0, 0), []),
        ({"CLASS": "manager", "SERVICE": "systemd-user"}, (0, 0), []),
        ({"CLASS": "manager-early"}, (0, 0), []),
        ({"CLASS": "background", "SERVICE": "cron"}, (0, 0), []),
        ({"CLASS": "lock-screen"}, (0, 0), []),
        ({"SERVICE": "crond"}, (0, 0), []),
        ({"SERVICE": "su-l", "TTY": "pts/0"}, (0, 0), []),
        ({"SERVICE": "systemd-run0", "TTY": "pts/0", "CLASS": "user-light"}, (0, 0), []),
    ],
)
def test_logind_sessions_count_by_class_and_state(
    machine: Machine, filesystem: FileSystem, said: dict[str, object], expected: tuple[float, float], terminals: list[str]
) -> None:
    machine.process(40, "leader")
    machine.sockets(40)
    machine.logind("c1", LEADER=40, **said)
    assert (seen(filesystem)[0], seen(filesystem)[2]) == expected
    assert shown(filesystem) == terminals


def test_a_session_whose_leader_has_died_does_not_count(machine: Machine, filesystem: FileSystem) -> None:
    machine.logind("3", SERVICE="sshd", LEADER=40, TTY="pts/0")
    machine.process(41, "sshd", state="Z")
    machine.logged_in((2, 0, "reboot"), (7, 41, "ana"), (7, 42, "gone"), (8, 1, ""), (6, 1, "LOGIN"), (1, 53, "runlevel"))
    assert seen(filesystem) == (0, 0, 0)


def test_an_unreadable_utmp_makes_sessions_unknown(machine: Machine, filesystem: FileSystem) -> None:
    machine.write("/var/run/utmp", b"x" * 383)
    assert "incomplete record" in unseen(filesystem)


@pytest.mark.parametrize("host", ["tmux(40).%0", ":pts/0:S.0", "mosh [40]", "10.0.0.5 via mosh [40]"])
def test_utmp_records_of_programs_are_not_sessions(machine: Machine, filesystem: FileSystem, host: str) -> None:
    machine.process(40, "bash")
    machine.sockets(40)
    machine.logged_in((7, 40, "ana"), host=host)
    assert seen(filesystem)[0] == ("via" in host)


@pytest.mark.parametrize("server", ["tmux: server", "screen", "mosh-server", "zellij", "dtach"])
def test_records_of_multiplexers_and_mosh_without_a_host_are_not_sessions(
    machine: Machine, filesystem: FileSystem, server: str
) -> None:
    machine.process(40, server)
    machine.process(41, "su", 40, terminal="pts/5")
    machine.user(40, 1000, switches=9)
    machine.sockets(40)
    machine.logged_in((7, 40, "ana"), line="pts/5", host="")
    machine.logind("c9", LEADER=41, TTY="pts/5", SERVICE="login")
    people = SessionCounter(filesystem, Processes(filesystem))
    told(people, 0.0)
    assert told(people, 12.0) == ({"logins": 0, "connections": 0, "sessions_opaque": 0}, [])


def test_mosh_counts_as_a_session_while_its_client_responds(machine: Machine, filesystem: FileSystem) -> None:
    machine.process(40, "mosh-server", command="mosh-server new -s -c 256")
    machine.process(41, "bash", 40, terminal="pts/2")
    machine.sockets(40, 5)
    people = SessionCounter(filesystem, Processes(filesystem))

    def at(moment: float, switches: int) -> dict[str, float]:
        machine.user(40, 1000, switches)
        return told(people, moment)[0]

    assert at(0.0, 10) == {}  # a single sample is not enough
    assert "mosh" in told(people, 0.0)[1][0]
    assert at(12.0, 14) == {"logins": 1, "connections": 0, "sessions_opaque": 0}
    assert at(24.0, 18)["logins"] == 1
    assert at(36.0, 18) == {"logins": 0, "connections": 0, "sessions_opaque": 0}  # no client responds: detached
    assert at(48.0, 18)["logins"] == 0
    assert at(60.0, 19)["logins"] == 1


@pytest.mark.parametrize(("host", "live"), [("10.0.0.5 via mosh [40]", 1), ("mosh [40]", 0)])
def test_the_client_status_in_the_mosh_record_is_used_at_once(
    machine: Machine, filesystem: FileSystem, host: str, live: int
) -> None:
    machine.process(40, "mosh-server")
    machine.process(41, "bash", 40, terminal="pts/2")
    machine.sockets(40)
    machine.logged_in((7, 40, "ana"), line="pts/2", host=host)
    assert seen(filesystem) == (live, 0, 0)
    assert shown(filesystem) == ["/dev/pts/2"] * live


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("tailscaled", "/usr/sbin/tailscaled be-child ssh --login-shell=/bin/bash --uid=1000 --tty-name=/dev/pts/0"),
        ("teleport", "/usr/local/bin/teleport exec"),
        ("dropbear", "/usr/sbin/dropbear -F"),
    ],
)
def test_sessions_of_other_ssh_servers_count(machine: Machine, filesystem: FileSystem, name: str, command: str) -> None:
    machine.process(50, name, command=f"/usr/sbin/{name} --state=x")
    assert seen(filesystem)[0] == 0
    machine.process(51, name, 50, command)
    machine.sockets(51, 9)
    machine.process(52, "bash", 51, terminal="pts/0")
    assert seen(filesystem) == (1, 0, 0)
    assert shown(filesystem) == ["/dev/pts/0"]


def test_a_dropbear_process_before_login_is_not_a_session(machine: Machine, filesystem: FileSystem) -> None:
    machine.process(50, "dropbear")
    machine.process(51, "dropbear", 50)
    machine.user(51, 0)
    assert seen(filesystem)[0] == 0


SERVERS = [
    ("node", "/home/ana/.vscode-server/cli/servers/Stable-1/server/node /home/ana/.vscode-server/out/server-main.js", 41000),
    ("MainThread", "node /home/ana/.cursor-server/bin/1/out/server-main.js --port=0", 41000),
    ("node", "/usr/lib/code-server/lib/node /usr/lib/code-server", 8080),
    ("node", "/usr/lib/code-server/lib/node /usr/lib/code-server/out/node/entry", 8080),
    ("java", "/home/ana/.cache/JetBrains/jbr/bin/java com.intellij.idea.Main remoteDevHost /home/ana/project", 5990),
    ("pycharm", "/opt/pycharm/bin/pycharm remoteDevHost /home/ana/project", 5990),
    ("Xtigervnc", "/usr/bin/Xtigervnc :1 -rfbport 5901", 5901),
    ("x11vnc", "x11vnc -forever", 5900),
    ("gnome-remote-de", "/usr/libexec/gnome-remote-desktop-daemon", 3389),
    ("nxnode.bin", "/usr/NX/bin/nxnode.bin", 4000),
    ("dcvserver", "/usr/lib/x86_64-linux-gnu/dcv/dcvserver -d", 8443),
]


@pytest.mark.parametrize(("name", "command", "number"), SERVERS)
def test_a_server_of_editors_or_desktops_counts_only_with_a_client(
    machine: Machine, filesystem: FileSystem, name: str, command: str, number: int
) -> None:
    machine.process(60, name, command=command)
    machine.sockets(60, 5, 6, 7)
    waits = (port(number), "00000000:0000", "0A", 5)
    calls = (port(50001), port(443, AWAY), "01", 7)  # it checks for an update
    machine.connected(waits, calls)
    assert seen(filesystem) == (0, 0, 0)
    machine.connected(waits, calls, (port(number), port(50123, AWAY), "01", 6))
    assert seen(filesystem) == (1, 1, 1)


@pytest.mark.parametrize(("name", "command", "number"), SERVERS)
def test_a_server_whose_sockets_cannot_be_seen_is_not_reported_as_unused(
    machine: Machine, filesystem: FileSystem, name: str, command: str, number: int
) -> None:
    machine.process(60, name, command=command)
    assert "cannot determine whether a client is connected" in unseen(filesystem)
    ssh(machine, 30, "ana@notty", 7)  # known sessions are reported all the same
    machine.connected((port(22), port(50123, AWAY), "01", 7))
    assert seen(filesystem) == (1, 1, 1)


@pytest.mark.parametrize("state", ["03", "01"])
def test_a_vs_code_tunnel_is_detected_by_its_unix_socket(machine: Machine, filesystem: FileSystem, state: str) -> None:
    machine.process(59, "code", command="/home/ana/code tunnel --accept-server-license-terms")
    command = "node /home/ana/.vscode/cli/servers/1/server/out/server-main.js --socket-path=/tmp/code-1"
    machine.process(60, "node", 59, command)
    machine.process(
        61, "node", 60, "node /x/bootstrap-fork --type=extensionHost"
    )  # it stays for hours after its client has left
    machine.sockets(60, 5)
    head = "Num               RefCount Protocol Flags    Type St Inode Path"
    rows = [
        "0: 00000002 00000000 00010000 0001 01 5 /tmp/code-1",
        f"0: 00000003 00000000 00000000 0001 {state} 6 /tmp/code-1",
    ]
    machine.write("/proc/net/unix", "\n".join([head, *rows, "0: 00000003 00000000 00000000 0001 03 7"]) + "\n")
    assert seen(filesystem)[0] == (state == "03")


def test_the_vs_code_extension_host_counts_as_a_client_if_connections_are_not_visible(
    machine: Machine, filesystem: FileSystem
) -> None:
    machine.process(60, "node", command="node /x/out/server-main.js")
    machine.sockets(60, 5)
    assert seen(filesystem)[0] == 0
    machine.process(61, "node", 60, "node /x/bootstrap-fork --type=extensionHost")
    assert seen(filesystem)[0] == 1


@pytest.mark.parametrize("loopback", [ITSELF, "0" * 24 + "01000000", "0" * 16 + "FFFF0000" + ITSELF])
def test_internal_connections_of_nx_are_not_sessions(machine: Machine, filesystem: FileSystem, loopback: str) -> None:
    machine.process(60, "nxserver.bin")
    machine.sockets(60, 5)
    machine.connected((port(25001, loopback), port(50002, loopback), "01", 5), file="tcp6")
    assert seen(filesystem) == (0, 0, 0)


def test_rstudio_counts_with_an_r_session_and_an_open_page(machine: Machine, filesystem: FileSystem) -> None:
    machine.process(60, "rserver")
    machine.sockets(60, 5)
    machine.connected((port(8787), port(50123, AWAY), "01", 5))
    assert seen(filesystem)[0] == 0  # the sign-in page
    machine.process(61, "rsession", 60)
    assert seen(filesystem)[0] == 1
    machine.connected()
    assert seen(filesystem)[0] == 0


def xrdp(machine: Machine, *, signed_in: bool, connected: bool) -> None:
    machine.process(70, "xrdp", command="/usr/sbin/xrdp")
    machine.sockets(70, 4)
    machine.process(71, "xrdp-sesman", command="/usr/sbin/xrdp-sesman")
    if signed_in:
        machine.process(72, "xrdp-sesman", 71)
        machine.logind("c4", SERVICE="xrdp-sesman", TYPE="x11", LEADER=72)
    if connected:
        machine.process(73, "xrdp", 70)
        machine.sockets(73, 6)
    rows: Sequence[tuple[str, str, str, int]] = [(port(3389), port(50123, AWAY), "01", 6)] if connected else []
    machine.connected((port(3389), "00000000:0000", "0A", 4), *rows)


@pytest.mark.parametrize(
    ("signed_in", "connected", "expected"), [(True, True, 1), (True, False, 0), (False, True, 0), (False, False, 0)]
)
def test_an_rdp_desktop_counts_while_a_client_is_connected(
    machine: Machine, filesystem: FileSystem, signed_in: bool, connected: bool, expected: int
) -> None:
    xrdp(machine, signed_in=signed_in, connected=connected)
    assert seen(filesystem) == (expected, expected, expected)


def test_an_editor_forwarded_through_ssh_is_not_counted_twice(machine: Machine, filesystem: FileSystem) -> None:
    ssh(machine, 30, "ana@notty", 7)
    machine.process(60, "node", command="node /home/ana/.vscode-server/out/server-main.js")
    machine.sockets(60, 5, 6)
    through = (port(41000, ITSELF), port(50002, ITSELF), "01", 6)
    machine.connected((port(22), port(50123, AWAY), "01", 7), (port(41000, ITSELF), "00000000:0000", "0A", 5), through)
    assert seen(filesystem) == (1, 1, 1)
    machine.connected(
        (port(22), port(50123, AWAY), "01", 7), (port(41000), port(50002, AWAY), "01", 6), (port(41000), "0:0", "0A", 5)
    )
    assert seen(filesystem)[0] == 2


def test_an_ssh_session_in_a_container_counts_although_its_input_is_not_visible(
    machine: Machine, filesystem: FileSystem
) -> None:
    machine.process(80, "containerd-shim", command="/usr/bin/containerd-shim-runc-v2 -namespace moby -id 1")
    machine.process(81, "sshd", 80, "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups")
    machine.process(82, "sshd", 81, "sshd: ana@pts/0")
    machine.process(83, "bash", 82, "-bash", terminal="pts/0")
    machine.sockets(82, 7)
    machine.write("/proc/82/net/tcp", "head\n")
    assert seen(filesystem) == (1, 0, 1)
    assert shown(filesystem) == []


def test_warnings_are_written_to_visible_terminals(machine: Machine, filesystem: FileSystem) -> None:
    ssh(machine, 30, "ana@pts/0,pts/1", 7)
    machine.process(32, "bash", 31, terminal="pts/0")
    machine.process(33, "tmux: client", 32, terminal="pts/0", leads=32)
    machine.process(40, "tmux: server")
    machine.process(41, "bash", 40, terminal="pts/2")
    machine.process(42, "screen")
    machine.process(43, "zsh", 42, terminal="pts/3")
    machine.process(60, "node", command="node /x/out/server-main.js")
    machine.process(61, "node", 60, "node /x/bootstrap-fork --type=ptyHost")
    machine.process(62, "bash", 61, terminal="pts/4")
    machine.process(63, "python", 62, terminal="pts/4", leads=62)
    machine.sockets(60, 5)
    machine.process(90, "gnome-terminal-")
    machine.process(91, "bash", 90, terminal="pts/300")
    rows = [(port(22), port(50123, AWAY), "01", 7), (port(41000), "0:0", "0A", 5)]
    machine.connected(*rows)
    assert shown(filesystem) == ["/dev/pts/0", "/dev/pts/1"]
    (machine.root / "proc/60/fd/4").symlink_to("socket:[106]")
    machine.connected(*rows, (port(41000), port(50124, AWAY), "01", 106))
    assert shown(filesystem) == ["/dev/pts/0", "/dev/pts/1", "/dev/pts/4"]
    xrdp(machine, signed_in=True, connected=True)
    assert shown(filesystem) == ["/dev/pts/0", "/dev/pts/1", "/dev/pts/300"]
