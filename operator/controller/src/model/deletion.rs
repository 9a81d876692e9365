//! A ModelPull is deleted: its pull is broken off, and where its policy says so, the model goes.

use super::gather;
use super::reconcile::Pass;
use crate::context::is_paused;
use crate::runtime::events::EventType;
use crate::runtime::finalizer::Finalized;
use crate::runtime::write::WriteError;
use kube::runtime::controller::Action;
use zentoria_api::conditions::ModelReason;
use zentoria_api::model::ModelDeletion;
use zentoria_core::model::conflict::shared;
use zentoria_core::model::report::{Failure, Scene};
use zentoria_core::model::surroundings::Surroundings;
use zentoria_core::model::validate::{claim, validate};
use zentoria_core::model::want::WantModel;
use zentoria_ops::model::open;

/// What can be done where the server cannot be asked.
const OR: &str = "or set spec.deletionPolicy to Retain: then the resource goes, and the model stays";

/// What is to be done with the model.
enum Farewell {
    /// Nothing; why, for people.
    Keep(String),
    /// It goes.
    Delete(Box<WantModel>),
    /// Later.
    Wait(Failure),
}

pub(super) async fn reconcile(pass: &Pass<'_>) -> Result<Action, WriteError> {
    pass.models().pulls.stop(&pass.uid());
    if !pass.models().finalizer.is_on(pass.object.as_ref()) {
        return Ok(Action::await_change());
    }
    let gathered = gather::gather(pass.context, &pass.object).await?;
    let failure = match farewell(pass, &gathered.around) {
        Farewell::Keep(why) => {
            pass.event(EventType::Normal, "ModelKept", "Delete", why);
            return let_go(pass).await;
        }
        Farewell::Wait(failure) => failure,
        Farewell::Delete(want) => {
            let keys = gathered.keys(&want);
            let deleted = match open(&want.server, keys, &pass.context.outside.dialer) {
                Ok(site) if pass.context.writer.may_write() => site.delete(&want.model).await,
                Ok(_) => return Ok(Action::await_change()),
                Err(failure) => Err(failure),
            };
            match deleted {
                Ok(()) => {
                    pass.models().servers.forget(&want.server.key());
                    let note = format!("{} was deleted from {}", want.model.words(), want.target);
                    pass.event(EventType::Normal, "ModelDeleted", "Delete", note);
                    return let_go(pass).await;
                }
                Err(Failure { reason, message }) => Failure { reason, message: format!("{message}; {OR}") },
            }
        }
    };
    let want = validate(&pass.object, &gathered.around);
    let message = format!("the model is to be deleted with its resource: {}", failure.message);
    let scene = Scene::Deleting(Failure { reason: failure.reason, message });
    let report = pass.say(&want, &scene).await?;
    Ok(pass.again(&scene, &report))
}

fn farewell(pass: &Pass<'_>, around: &Surroundings) -> Farewell {
    let object = pass.object.as_ref();
    if object.spec.deletion_policy == ModelDeletion::Retain {
        return Farewell::Keep("it stays on the server: its policy is Retain now".to_owned());
    }
    if object.spec.suspend || is_paused(object) {
        return Farewell::Keep("it stays on the server: the resource was paused when it was deleted".to_owned());
    }
    if let Some(mine) = claim(object, around)
        && let Some(other) = shared(&mine, &around.others)
    {
        return Farewell::Keep(format!("it stays on the server: {} names it, too", other.who));
    }
    // What others pin does not matter to one that goes.
    let alone = Surroundings { others: Vec::new(), ..around.clone() };
    match validate(object, &alone) {
        Ok(want) => Farewell::Delete(Box::new(want)),
        Err((
            reason @ (ModelReason::WaitingFor | ModelReason::SecretNotFound | ModelReason::ServiceNotFound),
            message,
        )) => Farewell::Wait(Failure { reason, message: format!("{message}; {OR}") }),
        Err((_, message)) => Farewell::Keep(format!("there is nothing to delete it from: {message}")),
    }
}

async fn let_go(pass: &Pass<'_>) -> Result<Action, WriteError> {
    let models = pass.models();
    if let Finalized::Patched(stored) = models.finalizer.remove(&pass.api(), pass.object.as_ref()).await? {
        models.resources.latest.wrote(*stored);
    }
    models.looks.reset(&pass.uid());
    Ok(Action::await_change())
}
