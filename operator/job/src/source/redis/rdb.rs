//! The RDB file of a server, as a replica gets it.
//!
//! `redis-cli --rdb -` is not used: to a pipe it writes the mark of the end too, which does not belong to the file.

use super::keys::{Counter, Databases};
use super::wire::Connection;
use crate::contract::Output;
use crate::failure::Failure;
use tokio::io::AsyncWriteExt;
use zentoria_types::backup_job::JobError;

/// Bytes of the mark that ends a file whose size is not known before.
const MARK: usize = 40;
/// What a file begins with.
const MAGIC: &[u8] = b"REDIS";
/// What comes before the eight bytes of its checksum: its end.
const END: u8 = 0xFF;

/// How the end of the file is known.
enum Until {
    Size(u64),
    Mark(Vec<u8>),
}

/// Asks for the file, writes the whole of it, and tells the keys that are in it, as far as they can be counted.
///
/// # Errors
/// The server refuses, or the file is not whole.
pub async fn read(connection: &mut Connection, place: &str, out: Output<'_>) -> Result<Option<Databases>, Failure> {
    // what an older server does not know of these, it does without
    for option in [[b"capa".as_slice(), b"eof"], [b"rdb-only", b"1"]] {
        let _ = connection.ask(&[b"REPLCONF", option[0], option[1]]).await.map_err(|error| broken(place, &error))?;
    }
    connection.send(&[b"SYNC"]).await.map_err(|error| broken(place, &error))?;
    let until = loop {
        let line = connection.line().await.map_err(|error| broken(place, &error))?;
        // an empty line says that it is still writing
        if !line.is_empty() {
            break begins(&line, place)?;
        }
    };
    let mut file = File { out, held: Vec::new(), head: Vec::new(), passed: 0, counter: Counter::new() };
    copy(connection, until, &mut file).await.map_err(|error| broken(place, &error))?;
    if !file.ends_well() {
        return Err(Failure::new(JobError::SourceFailed, format!("what Redis at {place} sent is no whole RDB file")));
    }
    let File { out, held, counter, .. } = file;
    let rest = async {
        out.write_all(&held).await?;
        out.flush().await
    };
    rest.await.map_err(|error| broken(place, &error))?;
    Ok(counter.databases())
}

fn begins(line: &str, place: &str) -> Result<Until, Failure> {
    if let Some(mark) = line.strip_prefix("$EOF:").filter(|mark| mark.len() == MARK) {
        return Ok(Until::Mark(mark.as_bytes().to_vec()));
    }
    if let Some(size) = line.strip_prefix('$').and_then(|size| size.parse().ok()) {
        return Ok(Until::Size(size));
    }
    let refused = line.strip_prefix('-').unwrap_or(line);
    if refused.starts_with("NOPERM") || refused.starts_with("NOAUTH") {
        return Err(Failure::new(
            JobError::SourceAccessDenied,
            format!("Redis at {place} gives no copy of itself to this user ({refused}): it needs +sync and +replconf"),
        ));
    }
    Err(Failure::new(JobError::SourceFailed, format!("Redis at {place} gives no copy of itself: {refused}")))
}

/// Passes the file on, but for its last bytes, which may be the mark.
struct File<'a> {
    out: Output<'a>,
    held: Vec<u8>,
    head: Vec<u8>,
    passed: u64,
    counter: Counter,
}

async fn copy(connection: &mut Connection, until: Until, file: &mut File<'_>) -> std::io::Result<()> {
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let wanted = match &until {
            Until::Size(size) => usize::try_from(size - file.size()).unwrap_or(usize::MAX).min(buffer.len()),
            Until::Mark(mark) if file.held.ends_with(mark) => {
                file.held.truncate(file.held.len() - MARK);
                return Ok(());
            }
            Until::Mark(_) => buffer.len(),
        };
        if wanted == 0 {
            return Ok(());
        }
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        let read = connection.some(room).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        file.take(buffer.get(..read).unwrap_or_default()).await?;
    }
}

impl File<'_> {
    fn size(&self) -> u64 {
        self.passed + self.held.len() as u64
    }

    async fn take(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let missing = MAGIC.len().saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(missing));
        self.counter.take(bytes);
        self.held.extend_from_slice(bytes);
        // the mark, and the end before it
        let ready = self.held.len().saturating_sub(2 * MARK);
        self.out.write_all(self.held.get(..ready).unwrap_or_default()).await?;
        self.passed += ready as u64;
        self.held.drain(..ready);
        Ok(())
    }

    /// Whether it begins and ends as it has to.
    fn ends_well(&self) -> bool {
        let end = self.held.len().checked_sub(9).and_then(|at| self.held.get(at));
        self.head == MAGIC && end == Some(&END)
    }
}

fn broken(place: &str, error: &std::io::Error) -> Failure {
    Failure::new(JobError::SourceFailed, format!("Redis at {place} broke off while it sent its RDB file: {error}"))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::source::redis::wire::Connection;
    use tokio::io::AsyncWriteExt;
    use zentoria_types::backup_job::JobError;

    const FILE: &[u8] = b"REDIS0011 keys and values \xff12345678";

    /// What is read of a server that answers so.
    async fn sent(answer: &[u8]) -> Result<Vec<u8>, JobError> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        theirs.write_all(b"+OK\r\n-ERR unknown\r\n").await.unwrap();
        theirs.write_all(answer).await.unwrap();
        // closes the sending side alone
        theirs.shutdown().await.unwrap();
        let mut out = Vec::new();
        let mut connection = Connection::over(ours);
        read(&mut connection, "there", &mut out).await.map_err(|failure| failure.error)?;
        Ok(out)
    }

    #[tokio::test]
    async fn a_whole_file_is_passed_on_without_its_mark() {
        let mark = [b'm'; 40];
        let sized = [format!("\n\n${}\r\n", FILE.len()).as_bytes(), FILE, b"*1\r\n$4\r\nPING\r\n"].concat();
        assert_eq!(sent(&sized).await.unwrap(), FILE);
        let marked = [b"\n$EOF:".as_slice(), &mark, b"\r\n", FILE, &mark].concat();
        assert_eq!(sent(&marked).await.unwrap(), FILE);
        let big = [b"REDIS".as_slice(), &[7; 300_000], b"\xff12345678"].concat();
        let marked = [b"$EOF:".as_slice(), &mark, b"\r\n", &big, &mark].concat();
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(b"+OK\r\n+OK\r\n").await.unwrap();
        theirs.write_all(&marked).await.unwrap();
        let mut out = Vec::new();
        read(&mut Connection::over(ours), "there", &mut out).await.unwrap();
        assert_eq!(out, big);
    }

    #[tokio::test]
    async fn what_is_not_a_whole_file_is_an_error() {
        let mark = [b'm'; 40];
        let size = format!("${}\r\n", FILE.len());
        let marked = [b"$EOF:".as_slice(), &mark, b"\r\n"].concat();
        for (answer, error) in [
            ([size.as_bytes(), &FILE[..20]].concat(), JobError::SourceFailed),
            ([marked.as_slice(), FILE].concat(), JobError::SourceFailed),
            ([marked.as_slice(), FILE, &mark[..39]].concat(), JobError::SourceFailed),
            ([marked.as_slice(), &FILE[..30], &mark].concat(), JobError::SourceFailed),
            (b"$5\r\nHELLO".to_vec(), JobError::SourceFailed),
            (b"-NOPERM this user\r\n".to_vec(), JobError::SourceAccessDenied),
            (b"-LOADING\r\n".to_vec(), JobError::SourceFailed),
            (Vec::new(), JobError::SourceFailed),
        ] {
            assert_eq!(sent(&answer).await, Err(error), "{:?}", String::from_utf8_lossy(&answer));
        }
    }
}
