"""Says how many operators a Tryton server on PostgreSQL holds: `tryton.py cuffia-customers-bench [COUNT]`."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
MADE = ROOT / "target/tryton"
PORT = 18002
FILL = """
INSERT INTO party_party (active, code, create_date, create_uid, name)
  SELECT true, 'B' || n, timezone('utc', now()) - interval '1 day', 1, 'Customer ' || n FROM generate_series(1, {count}) n;
INSERT INTO party_contact_mechanism (active, create_date, create_uid, party, type, value, value_compact)
  SELECT true, create_date, 1, id, 'phone', '+39011' || lpad(id::text, 7, '0'), '+39011' || lpad(id::text, 7, '0') FROM party_party;
INSERT INTO party_address (active, create_date, create_uid, party, city)
  SELECT true, create_date, 1, id, 'Torino' FROM party_party;
ANALYZE;
"""


def answers(url):
    request = urllib.request.Request(url, b'{"id":1,"method":"common.server.version","params":[]}', {"Content-Type": "application/json"})
    try:
        return urllib.request.urlopen(request, timeout=5).status == 200
    except OSError:
        return False


def main():
    program, count = sys.argv[1], int((sys.argv[2:] or ["100000"])[0])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cuffia-tryton-"))
    running = []
    try:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running.append(subprocess.Popen([ROOT / "scripts/postgresql", folder], **quiet))
        psql = ["psql", "-q", "-h", folder, "-U", "tryton", "-d", "crm", "-v", "ON_ERROR_STOP=1"]
        deadline = time.monotonic() + 60
        while subprocess.run([*psql, "-c", "SELECT"], **quiet).returncode:
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
        subprocess.run(psql, input=FILL.format(count=count), text=True, check=True)
        config = folder / "trytond.conf"
        config.write_text(f"[database]\nuri = postgresql://tryton@/?host={folder}\n[web]\nlisten = 127.0.0.1:{PORT}\n")
        running.append(subprocess.Popen([MADE / "bin/trytond", "-c", config, "-d", "crm"], **quiet))
        address = f"http://127.0.0.1:{PORT}/"
        while not answers(f"{address}rpc/"):
            assert time.monotonic() < deadline, "Tryton does not answer"
        told = subprocess.Popen([program, "tryton", address, str(count)], stdout=subprocess.PIPE, text=True)
        running.append(told)
        for line in told.stdout:
            one = json.loads(line)
            if "customers" in one:
                print(f"first fetch of {one['customers']:,}: {one['fetchedASecond']:.0f} a second", flush=True)
                continue
            look, change = (f"{one[k]['p50']:.0f} ({one[k]['p95']:.0f})" for k in ("look", "change"))
            print(f"{one['atOnce']} at once: {one['looksASecond']:.1f} looks a second, so {one['looksASecond'] * 60:.0f} operators at most;"
                  f" a look takes {look} ms, a change {change}: median (95th percentile)", flush=True)
        assert told.wait() == 0
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
