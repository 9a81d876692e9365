//! Pulls that succeed, in the end.

use std::collections::BTreeMap;
use std::path::Path;

use zentoria_models::{Class, ModelServer, Stage as At};
use zentoria_test_servers::wait::until;

use crate::stage::{PATIENT, REPOSITORY, Stage, files, model, pull};

const MIB: usize = 1024 * 1024;
/// Loads the model by its directory, and transcribes one second of noise.
const TRANSCRIBE: &str = "import sys, numpy, faster_whisper\n\
    model = faster_whisper.WhisperModel(sys.argv[1], device='cpu', cpu_threads=1)\n\
    sound = numpy.random.default_rng(0).standard_normal(16000).astype('float32') * 0.1\n\
    segments, info = model.transcribe(sound, language='en', beam_size=1, without_timestamps=True)\n\
    print(len(list(segments)), info.duration)";

fn read(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

#[tokio::test]
async fn a_whisper_model_is_pulled_and_transcribes_a_second_of_sound() {
    let Some(stage) = Stage::set().await else { return };
    let made = stage.sshd.dir.path().join("made");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/servers/src/tiny_whisper.py");
    assert!(stage.python().arg(script).arg(&made).status().unwrap().success());
    let files = read(&made);
    let commit = stage.stub.commit(REPOSITORY, &files);
    stage.stub.ask_for("hf_secret");
    let mut hub = stage.hub.clone();
    hub.token = Some(zentoria_types::Secret::new("hf_secret\n"));
    let driver = zentoria_models::HuggingFace::new(stage.access(), hub).unwrap();
    assert_eq!(driver.installed(&model(None)).await, Ok(None));

    let told = pull(&driver, &model(None), PATIENT).await.unwrap();
    assert!(told.is_sorted_by_key(|progress| (progress.stage, progress.completed)), "{told:?}");
    let size: usize = files.values().map(Vec::len).sum();
    assert_eq!(told.last().map(|progress| (progress.completed, progress.total)), Some((size as u64, size as u64)));
    assert!(told.iter().any(|progress| progress.stage == At::Verifying), "{told:?}");
    let installed = driver.installed(&model(None)).await.unwrap().unwrap();
    assert_eq!((installed.revision.as_deref(), installed.size), (Some(commit.as_str()), Some(size as u64)));
    assert!(installed.digest.is_some());

    let output = stage.python().args(["-c", TRANSCRIBE]).arg(stage.top()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).trim().ends_with(" 1.0"), "{output:?}");

    assert_eq!((driver.loaded(&model(None)).await, driver.unload(&model(None)).await), (Ok(false), Ok(())));
    assert_eq!(driver.delete(&model(None)).await, Ok(()));
    assert!(!stage.top().exists());
    assert_eq!(driver.delete(&model(None)).await, Ok(()), "that it is gone is no error");
}

#[tokio::test]
async fn a_branch_is_followed_and_a_commit_stays() {
    let Some(stage) = Stage::set().await else { return };
    let driver = stage.driver();
    let mut old = files(2 * MIB, 1);
    old.insert("gone.txt".to_owned(), b"only in the first".to_vec());
    let first = stage.stub.commit(REPOSITORY, &old);
    pull(&driver, &model(None), PATIENT).await.unwrap();
    assert!(stage.top().join("gone.txt").exists());
    let before = driver.installed(&model(None)).await.unwrap().unwrap();
    assert_eq!(before.revision.as_deref(), Some(first.as_str()));

    let mut new = files(2 * MIB, 1);
    new.insert("config.json".to_owned(), b"{\"new\": true}".to_vec());
    let second = stage.stub.commit(REPOSITORY, &new);
    let sent = stage.stub.sent();
    pull(&driver, &model(None), PATIENT).await.unwrap();
    let after = driver.installed(&model(None)).await.unwrap().unwrap();
    assert_eq!(after.revision.as_deref(), Some(second.as_str()));
    assert_ne!(after.digest, before.digest);
    assert!(stage.stub.sent() - sent < MIB as u64, "what did not change is not fetched again");
    assert!(!stage.top().join("gone.txt").exists());

    pull(&driver, &model(Some(&first)), PATIENT).await.unwrap();
    assert_eq!(driver.installed(&model(Some(&first))).await, Ok(Some(before)));
}

#[tokio::test]
async fn a_model_that_was_changed_behind_our_back_is_not_there_until_it_is_pulled_again() {
    let Some(stage) = Stage::set().await else { return };
    let driver = stage.driver();
    let files = files(MIB, 1);
    stage.stub.commit(REPOSITORY, &files);
    let bin = stage.top().join("model.bin");
    for damage in [
        |bin: &Path| std::fs::remove_file(bin).unwrap(),
        |bin: &Path| std::fs::write(bin, b"half").unwrap(),
        |bin: &Path| {
            let mut bytes = std::fs::read(bin).unwrap();
            bytes[1000] ^= 1;
            std::fs::write(bin, bytes).unwrap();
            // in the same second it would look the same
            let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
            std::fs::File::options().write(true).open(bin).unwrap().set_modified(later).unwrap();
        },
    ] {
        pull(&driver, &model(None), PATIENT).await.unwrap();
        assert!(driver.installed(&model(None)).await.unwrap().is_some());
        damage(&bin);
        assert_eq!(driver.installed(&model(None)).await, Ok(None));
    }
    pull(&driver, &model(None), PATIENT).await.unwrap();
    assert_eq!(std::fs::read(bin).unwrap(), files["model.bin"]);
}

#[tokio::test]
async fn a_file_that_comes_damaged_is_noticed_and_fetched_again() {
    let Some(stage) = Stage::set().await else { return };
    let driver = stage.driver();
    let files = files(MIB, 1);
    stage.stub.commit(REPOSITORY, &files);
    let mut damaged = files["model.bin"].clone();
    damaged[MIB / 2] ^= 1;
    stage.stub.damage(REPOSITORY, "model.bin", Some(damaged));
    let error = pull(&driver, &model(None), PATIENT).await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("DownloadDamaged", Class::Retry), "{error}");
    assert_eq!(driver.installed(&model(None)).await, Ok(None));
    stage.stub.damage(REPOSITORY, "model.bin", None);
    pull(&driver, &model(None), PATIENT).await.unwrap();
    assert!(driver.installed(&model(None)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_pull_that_was_dropped_ends_there_and_goes_on_where_it_was() {
    let Some(stage) = Stage::set().await else { return };
    let driver = stage.driver();
    let size = 24 * MIB;
    stage.stub.commit(REPOSITORY, &files(size, 1));
    stage.stub.limit(Some(6 * MIB as u64));
    let (reached, reach) = tokio::sync::oneshot::channel();
    let reached = std::sync::Mutex::new(Some(reached));
    let progress = |progress: zentoria_models::Progress| {
        if progress.completed > 8 * MIB as u64
            && let Some(reached) = reached.lock().unwrap().take()
        {
            reached.send(()).unwrap();
        }
    };
    let wanted = model(None);
    tokio::select! {
        outcome = driver.pull(&wanted, PATIENT, &progress) => panic!("it ended first: {outcome:?}"),
        reached = reach => reached.unwrap(),
    }
    let mut before = 0;
    until("the client to stop", async || {
        let sent = stage.stub.sent();
        let still = sent == before;
        before = sent;
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        still.then_some(())
    })
    .await;
    assert!(before < size as u64, "it went on without us");
    stage.stub.limit(None);
    pull(&driver, &wanted, PATIENT).await.unwrap();
    assert!(driver.installed(&wanted).await.unwrap().is_some());
    let again = stage.stub.sent() - before;
    assert!(again < (size - 6 * MIB) as u64, "it began again: {again} of {size}");
}
