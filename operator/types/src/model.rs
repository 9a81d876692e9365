//! Names of models.

use crate::text::text_newtype;
use std::fmt;
use std::str::FromStr;

/// Where Ollama looks for a model that names no registry.
const REGISTRY: &str = "registry.ollama.ai";
/// The namespace of a model that names none.
const NAMESPACE: &str = "library";
/// The tag of a model that names none.
const TAG: &str = "latest";

/// A model of Ollama, `[[HOST[:PORT]/]NAMESPACE/]MODEL[:TAG]`, by the grammar of its `types/model/name.go`. It prints as
/// Ollama's list shows it: `llama3.2:latest`, `user/model:1b`, `registry.example:5000/ns/model:1b`.
///
/// Ollama takes names that differ in case alone for one; so does `==`.
#[derive(Clone, Debug)]
pub struct OllamaName {
    host: String,
    namespace: String,
    model: String,
    tag: String,
}

/// A text that is no name of a model of Ollama.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOllamaName {
    /// Nothing is there.
    #[error("the name of the model is empty: write one such as llama3.2:latest")]
    Empty,
    /// `http://` or `https://` before it.
    #[error("{0:?} begins with a scheme: write HOST[:PORT]/NAMESPACE/MODEL:TAG, and `insecure: true` for plain HTTP")]
    Scheme(String),
    /// `@sha256:...` behind it.
    #[error("{0:?} ends in a digest, by which Ollama cannot pull: write the tag, and the digest into `digest`")]
    Digest(String),
    /// More parts than there are.
    #[error("{0:?} has too many slashes: write [[HOST[:PORT]/]NAMESPACE/]MODEL[:TAG]")]
    Parts(String),
    /// A part that breaks its rule.
    #[error("{part} {given:?} of the model is not {rule}")]
    Part {
        /// `host`, `namespace`, `name` or `tag`.
        part: &'static str,
        /// What stands there.
        given: String,
        /// What it has to be.
        rule: &'static str,
    },
}

impl OllamaName {
    /// The registry, with its port if one is given; `registry.ollama.ai` by default.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The namespace in the registry; `library` by default.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The model without registry, namespace and tag.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The tag; `latest` by default.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    fn parts(&self) -> [&str; 4] {
        [&self.host, &self.namespace, &self.model, &self.tag]
    }
}

impl PartialEq for OllamaName {
    fn eq(&self, other: &Self) -> bool {
        self.parts().iter().zip(other.parts()).all(|(ours, theirs)| ours.eq_ignore_ascii_case(theirs))
    }
}

impl Eq for OllamaName {}

impl fmt::Display for OllamaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [host, namespace, model, tag] = self.parts();
        if !host.eq_ignore_ascii_case(REGISTRY) {
            write!(f, "{host}/{namespace}/")?;
        } else if !namespace.eq_ignore_ascii_case(NAMESPACE) {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{model}:{tag}")
    }
}

impl FromStr for OllamaName {
    type Err = InvalidOllamaName;

    fn from_str(text: &str) -> Result<Self, InvalidOllamaName> {
        if text.is_empty() {
            return Err(InvalidOllamaName::Empty);
        }
        if text.contains("://") {
            return Err(InvalidOllamaName::Scheme(text.to_owned()));
        }
        if text.contains('@') {
            return Err(InvalidOllamaName::Digest(text.to_owned()));
        }
        // a colon before the last slash is that of a port
        let (path, tag) = match text.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (text, TAG),
        };
        let mut parts = path.split('/').rev();
        let model = parts.next().unwrap_or_default();
        let namespace = parts.next().unwrap_or(NAMESPACE);
        let host = parts.next().unwrap_or(REGISTRY);
        if parts.next().is_some() {
            return Err(InvalidOllamaName::Parts(text.to_owned()));
        }
        for (part, given, longest, more, rule) in [
            ("host", host, 350, "_-.:", "1 to 350 letters, digits, `_`, `-`, `.`, `:`"),
            ("namespace", namespace, 80, "_-", "1 to 80 letters, digits, `_`, `-`"),
            ("name", model, 80, "_-.", "1 to 80 letters, digits, `_`, `-`, `.`"),
            ("tag", tag, 80, "_-.", "1 to 80 letters, digits, `_`, `-`, `.`"),
        ] {
            let first = given.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let rest = given.chars().all(|char| char.is_ascii_alphanumeric() || more.contains(char));
            if !first || !rest || given.len() > longest {
                return Err(InvalidOllamaName::Part { part, given: given.to_owned(), rule });
            }
        }
        let [host, namespace, model, tag] = [host, namespace, model, tag].map(str::to_owned);
        Ok(Self { host, namespace, model, tag })
    }
}

/// A repository of models on the Hugging Face hub, `OWNER/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubRepository(String);

/// A text that is no repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a repository of the hub such as Systran/faster-whisper-small: OWNER/NAME, each of letters, digits, `_`, `-`, `.`, \
     96 at most, without `--` and `..`, beginning and ending in neither `-` nor `.`"
)]
pub struct InvalidHubRepository(String);

text_newtype!(HubRepository, InvalidHubRepository);

impl HubRepository {
    /// By `validate_repo_id` of huggingface_hub.
    fn check(text: &str) -> Result<(), InvalidHubRepository> {
        let word = |word: &str| {
            let edge = |at: Option<char>| at.is_some_and(|char| char != '-' && char != '.');
            let inside = word.chars().all(|char| char.is_ascii_alphanumeric() || "_-.".contains(char));
            edge(word.chars().next()) && edge(word.chars().last()) && inside
        };
        let right = text.len() <= 96
            && !text.contains("--")
            && !text.contains("..")
            && !text.ends_with(".git")
            && text.split_once('/').is_some_and(|(owner, name)| word(owner) && word(name));
        if right { Ok(()) } else { Err(InvalidHubRepository(text.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_model_is_called_as_the_list_of_ollama_shows_it() {
        for (given, shown) in [
            ("llama3.2", "llama3.2:latest"),
            ("llama3.2:1b", "llama3.2:1b"),
            ("library/llama3.2", "llama3.2:latest"),
            ("registry.ollama.ai/library/llama3.2:1b", "llama3.2:1b"),
            ("user/model", "user/model:latest"),
            ("registry.example:5000/team/model", "registry.example:5000/team/model:latest"),
            ("127.0.0.1:5000/lib/tiny:1b", "127.0.0.1:5000/lib/tiny:1b"),
            ("hf.co/owner/Model-GGUF:Q4_K_M", "hf.co/owner/Model-GGUF:Q4_K_M"),
        ] {
            assert_eq!(given.parse::<OllamaName>().unwrap().to_string(), shown);
        }
        assert_eq!("LLama3.2".parse::<OllamaName>(), "library/llama3.2:LATEST".parse());
        assert_ne!("llama3.2:1b".parse::<OllamaName>(), "llama3.2:3b".parse());
    }

    #[test]
    fn a_malformed_name_of_a_model_is_refused_with_the_part() {
        for (given, said) in [
            ("", "is empty"),
            (":latest", "name \"\""),
            ("llama 3", "name \"llama 3\""),
            ("llama3:", "tag \"\""),
            ("../../etc/passwd", "too many slashes"),
            ("a.b/model", "namespace \"a.b\""),
            ("-model", "name \"-model\""),
            ("http://registry/ns/model", "begins with a scheme"),
            ("model@sha256:0123", "ends in a digest"),
            ("a/b/c/d", "too many slashes"),
            ("//model", "host \"\""),
            ("mod\u{e9}le", "name \"mod\u{e9}le\""),
        ] {
            let error = given.parse::<OllamaName>().unwrap_err().to_string();
            assert!(error.contains(said), "{given}: {error}");
        }
        assert!("m".repeat(81).parse::<OllamaName>().is_err());
    }

    #[test]
    fn a_repository_of_the_hub_has_an_owner_and_a_name() {
        for right in ["Systran/faster-whisper-small", "a/b", "deepdml/faster-whisper-large-v3-turbo-ct2"] {
            assert_eq!(right.parse::<HubRepository>().unwrap().as_str(), right);
        }
        for wrong in ["", "gpt2", "a/b/c", "a/", "/b", "a/-b", "a/b.", "a--b/c", "a/b..c", "a/b.git", "a b/c", "a/b;rm"]
        {
            assert!(wrong.parse::<HubRepository>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_name_that_is_read_reads_the_same_as_it_prints(text in "([a-zA-Z0-9._:-]{1,12}/){0,2}[a-zA-Z0-9._-]{1,12}(:[a-z0-9.]{1,5})?") {
            if let Ok(name) = text.parse::<OllamaName>() {
                prop_assert_eq!(name.to_string().parse::<OllamaName>().unwrap(), name);
            }
        }

        #[test]
        fn no_text_makes_the_reader_of_names_panic(text in ".{0,60}") {
            let _ = text.parse::<OllamaName>();
            let _ = text.parse::<HubRepository>();
        }
    }
}
