#!/usr/bin/env python3
"""Shares a Hugging Face cache between `lyceum pull` and huggingface_hub, in both directions, against a hub on this machine.

usage: parity_hub.py LYCEUM KILL_HELPER        needs: huggingface_hub, transformers, sentence-transformers
KILL_HELPER (build/*/tests/kill_helper) makes a model and serves it. Every line that is printed was checked; the first difference ends it.
"""
import json, os, subprocess, sys, tempfile, time, urllib.request

lyceum, helper = sys.argv[1:3]
work = tempfile.mkdtemp(prefix="parity_hub.")
subprocess.run([helper, "model", f"{work}/model"], check=True)
open(f"{work}/model/README.md", "w").write("a file that Lyceum leaves out\n")
hub = subprocess.Popen([helper, "hub", "org/name", f"{work}/model", f"{work}/port", "0"])
while not os.path.exists(f"{work}/port"):
    time.sleep(0.05)
endpoint = "http://127.0.0.1:" + open(f"{work}/port").read()

PYTHON = {
    "download": "from huggingface_hub import snapshot_download as s; print(s('org/name'))",
    "offline": "from huggingface_hub import snapshot_download as s; print(s('org/name', local_files_only=True))",
    "scan": "from huggingface_hub import scan_cache_dir as s; i = s(); r, = i.repos; v, = r.revisions\n"
            "print(len(i.warnings), r.repo_id, v.commit_hash, ','.join(sorted(v.refs)), v.nb_files, v.size_on_disk)",
    "models": "from transformers import AutoModel as M, AutoTokenizer as T\nfrom sentence_transformers import SentenceTransformer as S\nimport json\n"
              "M.from_pretrained('org/name'); T.from_pretrained('org/name')\n"
              "print(json.dumps(S('org/name', device='cpu').encode(['the cat sat on the mat'])[0].tolist()))",
    "remove": "from huggingface_hub import scan_cache_dir as s; i = s(); s().delete_revisions(*[v.commit_hash for r in i.repos for v in r.revisions]).execute()",
}


def environment(cache, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_")) and not k.lower().endswith("_proxy")}
    return {**kept, "HF_ENDPOINT": endpoint, "HF_HOME": f"{work}/home", "HF_HUB_CACHE": f"{work}/{cache}", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1", **more}


def python(what, cache, **more):
    r = subprocess.run([sys.executable, "-c", PYTHON[what]], env=environment(cache, **more), capture_output=True, text=True)
    if r.returncode:
        sys.exit(f"{what}: {r.stderr[-3000:]}")
    return r.stdout.strip().split("\n")[-1]


def ours(*words, cache, **more):
    r = subprocess.run([lyceum, *words, "--json"], env=environment(cache, **more), capture_output=True, text=True)
    if r.returncode:
        sys.exit(f"lyceum {' '.join(words)}: {r.stderr}")
    return json.loads(r.stdout.split("\n")[0])


def sent():
    return int(urllib.request.urlopen(endpoint + "/sent").read())


def require(holds, what):
    if not holds:
        sys.exit("DIFFERENT: " + what)
    print("same: " + what)


try:
    OFF = {"HF_HUB_OFFLINE": "1"}
    for links, more in (("links", {}), ("copies", {"HF_HUB_DISABLE_SYMLINKS": "1"})):
        cache = "ours_" + links
        pulled = ours("pull", "org/name", cache=cache, **more)
        require(python("offline", cache, **OFF) == pulled["path"], f"{links}: snapshot_download(local_files_only=True) finds what we pulled")
        vector = json.loads(python("models", cache, **OFF))
        embedded = ours("embed", "org/name", "the cat sat on the mat", cache=cache)["embedding"]
        difference = max(abs(x - y) for x, y in zip(vector, embedded))
        require(len(vector) == len(embedded) and difference < 1e-5, f"{links}: from_pretrained and SentenceTransformer offline load it ({difference:.1e})")
        scan = python("scan", cache).split()
        require(scan[:4] == ["0", "org/name", pulled["commit"], "main"] and int(scan[4]) == len(pulled["files"]) and int(scan[5]) == pulled["bytes"],
                f"{links}: scan_cache_dir: {' '.join(scan)}")
    before = sent()
    python("download", "ours_links")
    require(sent() - before < 20_000, f"huggingface_hub fetches of our cache only what we left out ({sent() - before} bytes, headers included)")

    python("download", "theirs")
    before = sent()
    pulled = ours("pull", "org/name", cache="theirs")
    require(pulled["fetched_bytes"] == 0 and sent() - before < 20_000, f"we fetch nothing of theirs again ({sent() - before} bytes of metadata)")
    require(ours("embed", "org/name", "the cat sat on the mat", cache="theirs")["embedding"] == embedded, "we embed from their cache")
    listed = ours("list", cache="theirs")
    scan = python("scan", "theirs").split()
    require([listed["revision"], str(listed["files"]), str(listed["bytes"])] == [scan[2], scan[4], scan[5]], "list counts what scan_cache_dir counts")
    require(ours("remove", "org/name", "--yes", cache="theirs")["removed"] and not os.path.exists(f"{work}/theirs/models--org--name"), "we remove what they fetched")

    python("remove", "ours_links")
    require(not os.path.exists(f"{work}/ours_links/models--org--name/snapshots"), "they remove what we fetched")
    for i in range(5):  # at once, into one cache
        both = [subprocess.Popen([lyceum, "pull", "org/name", "--quiet"], env=environment(f"both{i}"), stdout=subprocess.DEVNULL),
                subprocess.Popen([sys.executable, "-c", PYTHON["download"]], env=environment(f"both{i}"), stdout=subprocess.DEVNULL)]
        if any(p.wait() for p in both):
            sys.exit("DIFFERENT: two pulls at once")
        python("models", f"both{i}", **OFF)
    require(True, "both at once into one cache, 5 times")
finally:
    hub.terminate()
    subprocess.run(["rm", "-rf", work])
