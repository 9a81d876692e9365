//! The protocol of Redis, as much of it as is needed.

use crate::failure::Failure;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;
use zentoria_types::backup_job::JobError;

/// How long the server may be silent. While it writes its RDB it says every second that it is alive.
pub const SILENCE: Duration = Duration::from_secs(120);
/// Bytes of the largest value that is taken: what Redis itself takes at most.
const LARGEST: usize = 512 * 1024 * 1024;

/// A stream of bytes to and from a server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`.
    Word(String),
    /// `-ERR ...`.
    Refused(String),
    /// `:7`.
    Number(i64),
    /// A value.
    Value(Vec<u8>),
    /// No value.
    Nothing,
    /// Several.
    List(Vec<Reply>),
}

/// A connection.
pub struct Connection {
    stream: BufReader<Box<dyn Stream>>,
}

impl Connection {
    /// Over this stream.
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: BufReader::with_capacity(64 * 1024, Box::new(stream)) }
    }

    /// Sends a command, and does not wait for the answer.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, command: &[&[u8]]) -> std::io::Result<()> {
        let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
        for word in command {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&bytes).await?;
        self.stream.get_mut().flush().await
    }

    /// A line without its end.
    ///
    /// # Errors
    /// The connection broke, or the server is silent.
    pub async fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(64 * 1024);
        timeout(SILENCE, limited.read_until(b'\n', &mut line))
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        if line.pop() != Some(b'\n') {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Some bytes; none at the end.
    ///
    /// # Errors
    /// As [`Connection::line`].
    pub async fn some(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        timeout(SILENCE, self.stream.read(buffer))
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?
    }

    /// The answer to a command.
    ///
    /// # Errors
    /// The connection broke, or this is not Redis.
    pub async fn ask(&mut self, command: &[&[u8]]) -> std::io::Result<Reply> {
        self.send(command).await?;
        self.reply(0).await
    }

    async fn reply(&mut self, depth: u8) -> std::io::Result<Reply> {
        let strange = || std::io::Error::other("the answer is not of Redis");
        let line = self.line().await?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(strange)?;
        match kind {
            "+" => Ok(Reply::Word(rest.to_owned())),
            "-" => Ok(Reply::Refused(rest.to_owned())),
            ":" => Ok(Reply::Number(rest.parse().map_err(|_| strange())?)),
            "$" | "*" if rest == "-1" => Ok(Reply::Nothing),
            "$" => {
                let length: usize = rest.parse().ok().filter(|length| *length <= LARGEST).ok_or_else(strange)?;
                let mut value = vec![0; length + 2];
                let read = timeout(SILENCE, self.stream.read_exact(&mut value));
                read.await.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
                value.truncate(length);
                Ok(Reply::Value(value))
            }
            "*" if depth < 4 => {
                let length: usize = rest.parse().map_err(|_| strange())?;
                let mut list = Vec::new();
                for _ in 0..length {
                    list.push(Box::pin(self.reply(depth + 1)).await?);
                }
                Ok(Reply::List(list))
            }
            _ => Err(strange()),
        }
    }

    /// The answer to a command that has to succeed.
    ///
    /// # Errors
    /// `error`, when it does not.
    pub async fn must(&mut self, command: &[&[u8]], error: JobError, place: &str) -> Result<Reply, Failure> {
        let name = String::from_utf8_lossy(command.first().copied().unwrap_or_default()).into_owned();
        match self.ask(command).await {
            Ok(Reply::Refused(why)) => Err(Failure::new(error, format!("Redis at {place} refuses {name}: {why}"))),
            Ok(reply) => Ok(reply),
            Err(why) => Err(Failure::new(error, format!("Redis at {place} broke off during {name}: {why}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Connection, Reply};
    use proptest::prelude::{any, prop, proptest};
    use tokio::io::AsyncWriteExt;

    async fn answer(bytes: &[u8]) -> std::io::Result<Reply> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        theirs.write_all(bytes).await?;
        let mut connection = Connection::over(ours);
        connection.send(&[b"PING"]).await?;
        drop(theirs);
        connection.reply(0).await
    }

    #[tokio::test]
    async fn each_kind_of_answer_is_read_and_nonsense_is_an_error() {
        let value = |text: &str| Reply::Value(text.as_bytes().to_vec());
        for (bytes, expected) in [
            ("+PONG\r\n", Some(Reply::Word("PONG".into()))),
            ("-NOAUTH x\r\n", Some(Reply::Refused("NOAUTH x".into()))),
            (":-3\r\n", Some(Reply::Number(-3))),
            ("$5\r\na\r\nbc\r\n", Some(value("a\r\nbc"))),
            ("$-1\r\n", Some(Reply::Nothing)),
            ("*2\r\n$1\r\na\r\n*1\r\n:1\r\n", Some(Reply::List(vec![value("a"), Reply::List(vec![Reply::Number(1)])]))),
            ("HTTP/1.1 400\r\n", None),
            ("$99999999999\r\n", None),
            ("$5\r\nab", None),
            ("", None),
            ("\r\n", None),
            ("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", None),
        ] {
            assert_eq!(answer(bytes.as_bytes()).await.ok(), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_wait_for_ever(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _ = runtime.block_on(answer(&bytes));
        }
    }
}
