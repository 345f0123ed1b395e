"""What all tests share."""

import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import tempfile

import lightcrest
import pytest


@pytest.fixture(autouse=True)
def quiet_lightcrest():
    """Tests that look at messages ask for them."""
    lightcrest.logging.set_verbosity(lightcrest.logging.ERROR)
    yield
    lightcrest.logging.set_verbosity(lightcrest.logging.INFO)


def programs_of_postgresql():
    """The folder of `initdb` and the others: the newest of Debian's, or one of the PATH."""
    versions = [int(version.name) for version in pathlib.Path("/usr/lib/postgresql").glob("[0-9]*")]
    folders = [pathlib.Path("/usr/lib/postgresql") / str(version) / "bin" for version in sorted(versions, reverse=True)]
    found = shutil.which("initdb")
    return next((folder for folder in folders if (folder / "initdb").exists()), found and pathlib.Path(found).parent)


@pytest.fixture(scope="session")
def postgresql():
    """A throwaway server of PostgreSQL: each call makes a database, and gives its URL."""
    programs = programs_of_postgresql()
    if programs is None:
        assert "CI" not in os.environ, "CI needs PostgreSQL: apt-get install postgresql"
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lcpg", dir="/tmp") as folder:
        # It refuses to run as root: the package's own user runs it then.
        root = os.getuid() == 0
        if root:
            shutil.chown(folder, "postgres")

        def command(name, *words):
            return [*(["runuser", "-u", "postgres", "--"] if root else []), str(programs / name), *words]

        def run(name, *words):
            # The server would keep a pipe open.
            subprocess.run(command(name, *words), cwd="/", check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

        data = f"{folder}/data"
        run("initdb", "-D", data, "-U", "lightcrest", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        # It is stopped when the pipe to this is closed: also when these tests are killed.
        stop = shlex.join(command("pg_ctl", "-D", data, "-m", "immediate", "stop"))
        guard = subprocess.Popen(
            ["sh", "-c", f"cat > /dev/null; exec {stop}"], cwd="/", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        made = []

        def database():
            made.append(f"d{len(made)}")
            run("createdb", "-h", folder, "-p", str(port), "-U", "lightcrest", made[-1])
            return f"postgresql://lightcrest@127.0.0.1:{port}/{made[-1]}"

        yield database
        guard.stdin.close()
        guard.wait()
