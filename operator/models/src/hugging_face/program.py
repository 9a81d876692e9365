# Runs on the machine that has the models: `list`, `pull` and `delete`, one line of JSON for each thing to say.
# It needs Python 3.8 and, for `pull` alone, huggingface_hub. A token is in HF_TOKEN, an endpoint in HF_ENDPOINT.
import hashlib, json, os, shutil, sys, threading, time

MARKER = ".zentoria-model.json"
PARTS = ".zentoria"  # what is not yet whole


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
        if not (marker(top) or os.path.isdir(os.path.join(top, PARTS))):
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


def part(top, wish):
    return os.path.join(top, PARTS, wish[2] + ".part")


def size_of(path):
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def teller(at, total):
    told = {"checked": 0, "last": 0.0}

    def progress(more):
        told["checked"] += more
        if time.monotonic() - told["last"] >= 0.5:
            told["last"] = time.monotonic()
            say(at, checked=told["checked"], total=total)

    say(at, checked=0, total=total)
    return progress


def keep(top, files):
    """Digests of the files that are there already, and right."""
    digests, progress = {}, teller("resolving", 0)
    for path, (size, kind, promised) in files.items():
        full = os.path.join(top, path)
        if os.path.isfile(full) and os.path.getsize(full) == size:
            found, plain = digest_of(full, kind, progress)
            if found == promised:
                digests[path] = plain
    return digests


def download(repository, revision, top, files, tell):
    """All parts, one after another; each goes on where it was."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    constants.DOWNLOAD_CHUNK_SIZE = 1 << 20  # it writes no sooner
    endpoint = os.environ.get("HF_ENDPOINT")
    failure = []

    def run():
        try:
            for path, wish in files.items():
                with open(part(top, wish), "ab") as file:
                    begun = file.tell()
                    if begun > wish[0]:
                        begun = file.truncate(0)
                    if begun < wish[0] or not wish[0]:
                        url = hf_hub_url(repository, path, revision=revision, endpoint=endpoint)
                        http_get(url, file, resume_size=begun, headers=build_hf_headers(), expected_size=wish[0])
        except BaseException as error:
            failure.append(error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    while worker.is_alive():
        tell()
        worker.join(0.5)
    if failure:
        raise failure[0]


def verify(top, files):
    """Puts each file into its place, if it is what the hub promised."""
    digests, progress = {}, teller("verifying", sum(size for size, _, _ in files.values()))
    for path, wish in files.items():
        found, digests[path] = digest_of(part(top, wish), wish[1], progress)
        if found != wish[2]:
            os.remove(part(top, wish))
            fail("Damaged", "%s: want %s %s, got %s" % (path, wish[1], wish[2], found))
    # until here the model that was there is whole
    if os.path.exists(os.path.join(top, MARKER)):
        os.remove(os.path.join(top, MARKER))
    placed = {}  # files of one content have one part
    for path, wish in files.items():
        full = os.path.join(top, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if wish[2] in placed:
            shutil.copyfile(placed[wish[2]], full)
        else:
            os.replace(part(top, wish), full)
            placed[wish[2]] = full
    return digests


def pull(directory, repository, revision, room):
    say("resolving", checked=0, total=0)
    from huggingface_hub import HfApi

    info = HfApi().model_info(repository, revision=revision, files_metadata=True)
    files = wanted(info)
    top = place(directory, repository)
    os.makedirs(os.path.join(top, PARTS), exist_ok=True)
    digests = keep(top, files)
    missing = {path: wish for path, wish in files.items() if path not in digests}
    total = sum(size for size, _, _ in files.values())

    def there():
        parts = sum(min(wish[0], size_of(part(top, wish))) for wish in missing.values())
        return total - sum(size for size, _, _ in missing.values()) + parts

    left = total - there()
    free = min([shutil.disk_usage(top).free] + ([int(room)] if room else []))
    say("downloading", completed=there(), total=total)
    if left > free:
        fail("TooBig", "%d %d" % (left, free))
    download(repository, info.sha, top, missing, lambda: say("downloading", completed=there(), total=total))
    say("downloading", completed=there(), total=total)
    before = marker(top) or {"stamps": {}}
    digests.update(verify(top, missing))
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
    unfinished = os.path.join(top, PARTS, MARKER)
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(found, file)
    os.replace(unfinished, os.path.join(top, MARKER))
    shutil.rmtree(os.path.join(top, PARTS))
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
