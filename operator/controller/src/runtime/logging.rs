//! Log output: text for people, JSON for collectors.

use std::{io::IsTerminal, str::FromStr};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
};

/// How log lines look (`--log-format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not understood.
    #[error("the log filter {filter:?} is not understood: {source}")]
    Filter {
        /// What was given.
        filter: String,
        /// Why it is wrong.
        source: tracing_subscriber::filter::ParseError,
    },
    /// There is a subscriber already.
    #[error("logging is set up already")]
    Twice,
}

/// Sets up logging to standard error for the whole process. `filter` has the syntax of `RUST_LOG`: `info`, or
/// `info,zentoria_operator=debug`.
///
/// # Errors
/// When the filter is not understood, or logging is set up already.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let colours = std::io::stderr().is_terminal();
    let subscriber = subscriber(format, filter, colours, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LoggingError::Twice)
}

fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    colours: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, LoggingError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::from_str(filter)
        .map_err(|source| LoggingError::Filter { filter: filter.to_owned(), source })?
        .and(filter_fn(is_harmless));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => lines.with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    Ok(tracing_subscriber::registry().with(layer))
}

/// Keeps out, whatever the filter asks for, what may carry a Secret or a token: kube's client logs bodies that it
/// cannot decode (as a warning) and raw answers (as trace), HTTP libraries log headers and bytes below info.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let root = target.split("::").next().unwrap_or_default();
    let bodies = target.starts_with("kube_client::client") && metadata.is_event() && *metadata.level() > Level::ERROR;
    let wire = matches!(root, "hyper" | "hyper_util" | "h2" | "rustls" | "russh") && *metadata.level() > Level::INFO;
    !bodies && !wire
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn captured(format: LogFormat, filter: &str, act: impl FnOnce()) -> String {
        let buffer = Captured::default();
        let writer = buffer.clone();
        let subscriber = subscriber(format, filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, act);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_are_objects_with_the_fields_at_the_top() {
        let text = captured(LogFormat::Json, "info", || tracing::info!(object = "zentoria/db", "created"));
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!((&line["object"], &line["message"]), (&"zentoria/db".into(), &"created".into()));
    }

    #[test]
    fn the_filter_is_obeyed() {
        let text = captured(LogFormat::Text, "warn,loud=debug", || {
            tracing::info!("quiet");
            tracing::debug!(target: "loud", "audible");
        });
        assert!(text.contains("audible") && !text.contains("quiet"), "{text}");
    }

    #[test]
    fn what_may_carry_a_secret_stays_out_even_when_everything_is_asked_for() {
        let text = captured(LogFormat::Text, "trace", || {
            tracing::warn!(target: "kube_client::client", "{{\"data\":\"c2VjcmV0\"}}");
            tracing::trace!(target: "hyper::proto::h1", "authorization: Bearer token");
            tracing::trace!("ours");
        });
        assert!(text.contains("ours") && !text.contains("c2VjcmV0") && !text.contains("Bearer"), "{text}");
    }

    #[test]
    fn a_filter_that_is_not_understood_is_quoted() {
        let error = init(LogFormat::Text, "info,=x=").unwrap_err();
        assert!(error.to_string().contains("info,=x="), "{error}");
    }
}
