//! `pause` and `resume`: the annotation `zentoria.ai/paused`.

use crate::annotate::annotate;
use crate::connect::{Api, connect};
use crate::error::Error;
use crate::object::{self, Name};
use crate::options::{Pause, To};
use crate::{Answer, Exit};
use kube::core::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use zentoria_api::wire::PAUSED_ANNOTATION;
use zentoria_core::estate::is_paused;

/// What is wished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The operator looks away.
    Pause,
    /// It looks again.
    Resume,
}

/// Pauses or resumes objects, one after the other; what fails does not keep it from the rest.
///
/// # Errors
/// Where the API server is not known, or the containers cannot be listed.
pub async fn run(to: &To, what: &Pause, wish: Wish) -> Result<Answer, Error> {
    let api = connect(to).await?;
    let names: Vec<Result<Name, Error>> = if what.all {
        let all = object::list(&object::containers(&api), "the containers").await?;
        all.iter().map(|container| Ok(Name::Container(container.name_any()))).collect()
    } else {
        what.objects.iter().map(|text| Name::parse(text)).collect()
    };
    let mut answer = Answer::done("");
    if names.is_empty() {
        answer.page = format!("namespace {} has no containers\n", api.namespace);
    }
    for name in names {
        let told = match name {
            Ok(name) => set(&api, &name, wish).await,
            Err(error) => Err(error),
        };
        match told {
            Ok(line) => answer.page.push_str(&format!("{line}\n")),
            Err(error) => {
                answer.asides.push(format!("error: {error}"));
                answer.exit = Exit::Error;
            }
        }
    }
    Ok(answer)
}

async fn set(api: &Api, name: &Name, wish: Wish) -> Result<String, Error> {
    match name {
        Name::Container(container) => {
            let object = object::container(api, container).await?;
            let suspended = object.spec.suspend;
            write(&object::containers(api), object, name, wish, suspended, "the operator looks away from it").await
        }
        Name::Cluster(cluster) => {
            let object = object::cluster(api, cluster).await?;
            let suspended = object.spec.suspend;
            let effect = "the operator looks away from it and from all containers that refer to it";
            write(&object::clusters(api), object, name, wish, suspended, effect).await
        }
    }
}

async fn write<K>(
    api: &kube::Api<K>,
    object: K,
    name: &Name,
    wish: Wish,
    suspended: bool,
    effect: &str,
) -> Result<String, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    annotate(api, object, &name.to_string(), PAUSED_ANNOTATION, |object| {
        let (value, told) = decide(object.meta(), wish, effect);
        Ok((value, format!("{name} {told}{}", if suspended { still(wish) } else { "" })))
    })
    .await
}

/// What is written, and what is said.
fn decide(metadata: &ObjectMeta, wish: Wish, effect: &str) -> (Option<Option<String>>, String) {
    match (wish, is_paused(metadata)) {
        (Wish::Pause, true) => (None, "is paused already".to_owned()),
        (Wish::Pause, false) => (Some(Some("true".to_owned())), format!("paused: {effect}")),
        (Wish::Resume, true) => (Some(None), "resumed".to_owned()),
        (Wish::Resume, false) => (None, "was not paused".to_owned()),
    }
}

/// What is to be said where `spec.suspend` has its own word.
const fn still(wish: Wish) -> &'static str {
    match wish {
        Wish::Pause => " (spec.suspend is true, too)",
        Wish::Resume => {
            "; but spec.suspend is true, so the operator looks away all the same: change it where the spec is kept"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn to_say_it_twice_writes_once() {
        let with = |value: &str| {
            let annotations = BTreeMap::from([(PAUSED_ANNOTATION.to_owned(), value.to_owned())]);
            ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() }
        };
        let cases = [
            (ObjectMeta::default(), Wish::Pause, Some(Some("true"))),
            (with("true"), Wish::Pause, None),
            (with("no"), Wish::Pause, Some(Some("true"))),
            (with("true"), Wish::Resume, Some(None)),
            (ObjectMeta::default(), Wish::Resume, None),
        ];
        for (metadata, wish, expected) in cases {
            let (value, _) = decide(&metadata, wish, "");
            assert_eq!(value, expected.map(|value| value.map(str::to_owned)), "{wish:?} {metadata:?}");
        }
    }
}
