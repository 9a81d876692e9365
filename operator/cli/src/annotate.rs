//! Writing an annotation: what a person says to the operator. Spec belongs to git.

use crate::error::Error;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;

/// Who writes, in managed fields.
const FIELD_MANAGER: &str = "kubectl-zentoria";
/// How often an object that somebody else wrote to meanwhile is read again.
const TRIES: usize = 8;

/// Sets the annotation `key` to what `decide` makes of the object as it is, or removes it (`Some(None)`); with `None`
/// nothing is written. Whoever writes in between makes it decide anew: nobody's word is overwritten.
///
/// # Errors
/// Where `decide` refuses, or the API server does.
pub async fn annotate<K, T>(
    api: &Api<K>,
    mut object: K,
    what: &str,
    key: &str,
    mut decide: impl FnMut(&K) -> Result<(Option<Option<String>>, T), Error>,
) -> Result<T, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let failed = |error: &kube::Error| Error::kubernetes(format!("cannot annotate {what}"), error);
    for _ in 0..TRIES {
        let (value, told) = decide(&object)?;
        let Some(value) = value else { return Ok(told) };
        let metadata = json!({"resourceVersion": object.resource_version(), "annotations": {key: value}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"metadata": metadata}));
        match api.patch_metadata(&object.name_any(), &params, &patch).await {
            Ok(_) => return Ok(told),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                object = api.get(&object.name_any()).await.map_err(|error| failed(&error))?;
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    Err(Error::Refused(format!("{what} is written to by somebody else without a pause; try again")))
}
