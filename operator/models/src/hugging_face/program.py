# Runs on the machine that has the models: `list`, `pull` and `delete`, one line of JSON for each thing to say.
# It needs Python 3.8 and, for `pull` alone, huggingface_hub. A token is in HF_TOKEN, an endpoint in HF_ENDPOINT.
import hashlib, json, os, shutil, sys, threading, time

MARKER = ".zentoria-model.json"
OURS = os.path.join(".cache", "huggingface")


def say(at, **line):
    try:
        sys.stdout.write(json.dumps({"at": at, **line}) + "\n")
        sys.stdout.flush()
    except OSError:
        os._exit(1)  # nobody listens any more


def fail(kind, said):
    say("failed", kind=kind, said=str(said)[:2000])
    sys.stdout.flush()
    os._exit(0)


def stamp(path):
    stat = os.stat(path)
    return [stat.st_size, int(stat.st_mtime)]


def marker(top):
    try:
        with open(os.path.join(top, MARKER), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def is_whole(top, found):
    try:
        return all(stamp(os.path.join(top, path)) == was for path, was in found["stamps"].items())
    except OSError:
        return False


def show(at, found):
    say(at, **{key: found[key] for key in ("repository", "revision", "digest", "size")})


def show_all(directory):
    tops = [entry.path for entry in os.scandir(directory) if entry.is_dir()] if os.path.isdir(directory) else []
    for top in sorted(tops):
        found = marker(top)
        if found and is_whole(top, found):
            show("installed", found)
    say("end")


def delete(directory, repository):
    top = place(directory, repository)
    if os.path.isdir(top):
        if not (marker(top) or os.path.isdir(os.path.join(top, OURS))):
            fail("Foreign", top + " was not made by a pull")
        shutil.rmtree(top)
    say("end")


def place(directory, repository):
    return os.path.join(directory, repository.replace("/", "--"))


def digest_of(path, kind, progress):
    # of git: over a head with the size, and then the file
    hasher = hashlib.sha256() if kind == "sha256" else hashlib.sha1(b"blob %d\0" % os.path.getsize(path))
    plain = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            block = file.read(1 << 20)
            if not block:
                return hasher.hexdigest(), plain.hexdigest()
            hasher.update(block)
            plain.update(block)
            progress(len(block))


def wanted(info):
    files = {}
    for sibling in info.siblings or []:
        path = sibling.rfilename
        if os.path.isabs(path) or ".." in path.split("/"):
            fail("Damaged", "the repository has a file with the path " + path)
        lfs = sibling.lfs
        sha = (lfs["sha256"] if isinstance(lfs, dict) else lfs.sha256) if lfs else None
        files[path] = (sibling.size or 0, "sha256" if sha else "git", sha or sibling.blob_id)
    if not files:
        fail("NotFound", "the repository is empty")
    return files


def there(top, files):
    done = 0
    for path, (size, _, _) in files.items():
        try:
            done += min(size, os.path.getsize(os.path.join(top, path)))
        except OSError:
            pass
    parts = 0
    for root, _, names in os.walk(os.path.join(top, OURS)):
        for name in names:
            if name.endswith(".incomplete"):
                try:
                    parts += os.path.getsize(os.path.join(root, name))
                except OSError:
                    pass
    total = sum(size for size, _, _ in files.values())
    return min(total, done + parts), total


def download(repository, revision, top, files):
    from huggingface_hub import snapshot_download

    failure = []

    def run():
        try:
            snapshot_download(repository, revision=revision, local_dir=top)
        except BaseException as error:
            failure.append(error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    while worker.is_alive():
        completed, total = there(top, files)
        say("downloading", completed=completed, total=total, free=shutil.disk_usage(top).free)
        worker.join(0.5)
    if failure:
        raise failure[0]


def verify(top, files):
    total, checked, last = sum(size for size, _, _ in files.values()), 0, 0.0
    digests = {}

    def progress(more):
        nonlocal checked, last
        checked += more
        if time.monotonic() - last >= 0.5:
            last = time.monotonic()
            say("verifying", checked=checked, total=total)

    say("verifying", checked=0, total=total)
    for path, (_, kind, promised) in files.items():
        found, digests[path] = digest_of(os.path.join(top, path), kind, progress)
        if promised and found != promised:
            # without it the client fetches it again
            for stale in (os.path.join(top, path), os.path.join(top, OURS, "download", path + ".metadata")):
                if os.path.exists(stale):
                    os.remove(stale)
            fail("Damaged", "%s: want %s %s, got %s" % (path, kind, promised, found))
    return digests


def pull(directory, repository, revision, room):
    say("resolving")
    os.makedirs(directory, exist_ok=True)
    from huggingface_hub import HfApi

    info = HfApi().model_info(repository, revision=revision, files_metadata=True)
    files = wanted(info)
    top = place(directory, repository)
    os.makedirs(top, exist_ok=True)
    completed, total = there(top, files)
    free = min([shutil.disk_usage(top).free] + ([int(room)] if room else []))
    say("downloading", completed=completed, total=total, free=free)
    if total - completed > free:
        fail("TooBig", "%d %d" % (total - completed, free))
    before = marker(top) or {"stamps": {}}
    if os.path.exists(os.path.join(top, MARKER)):
        os.remove(os.path.join(top, MARKER))
    download(repository, info.sha, top, files)
    digests = verify(top, files)
    for path in set(before["stamps"]) - set(files):
        if os.path.exists(os.path.join(top, path)):
            os.remove(os.path.join(top, path))
    lines = "".join("%s  %s\n" % (digests[path], path) for path in sorted(digests))
    found = {
        "repository": repository,
        "revision": info.sha,
        "digest": "sha256:" + hashlib.sha256(lines.encode()).hexdigest(),
        "size": total,
        "stamps": {path: stamp(os.path.join(top, path)) for path in files},
    }
    unfinished = os.path.join(top, MARKER + ".new")
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(found, file)
    os.replace(unfinished, os.path.join(top, MARKER))
    show("done", found)


def meaning(error):
    names = [kind.__name__ for kind in type(error).__mro__]
    status = getattr(getattr(error, "response", None), "status_code", None)
    cause = error.__cause__ or error.__context__
    if "LocalEntryNotFoundError" in names:
        # it is an EntryNotFoundError by name, but of the hub that gives no answer
        return meaning(cause) if cause else "Unreachable"
    for kind, known in (
        ("Denied", ("GatedRepoError",)),
        ("NotFound", ("RepositoryNotFoundError", "RevisionNotFoundError", "EntryNotFoundError", "RemoteEntryNotFoundError")),
        ("Client", ("ImportError",)),
    ):
        if any(name in names for name in known):
            # the hub says 401 of what it does not show to strangers
            return kind
    if status in (401, 403):
        return "Denied"
    if isinstance(error, OSError) and error.errno in (28, 122):
        return "Full"
    if any(name in names for name in ("ConnectError", "ConnectionError", "TimeoutException", "Timeout", "TransportError", "OfflineModeIsEnabled", "HfHubHTTPError", "HTTPStatusError", "SSLError")):
        return "Unreachable"
    return meaning(cause) if cause else "Other"


def main():
    what, directory = sys.argv[1], sys.argv[2]
    try:
        if what == "list":
            show_all(directory)
        elif what == "delete":
            delete(directory, sys.argv[3])
        else:
            pull(directory, *sys.argv[3:6])
    except Exception as error:
        fail(meaning(error), "%s: %s" % (type(error).__name__, error))


main()
