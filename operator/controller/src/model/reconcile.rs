//! One look at a ModelPull: is the model there, is it pulled, and what is said.

use super::gather::{self, Gathered};
use super::pulls::{Progress, State};
use super::{Models, deletion};
use crate::context::{Context, is_paused};
use crate::report::{Saying, write};
use crate::runtime::events::{Event, EventType};
use crate::runtime::finalizer::Finalized;
use crate::runtime::metrics::ModelFigures;
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::conditions::{ModelReason, PULLED, READY};
use zentoria_api::model::{ModelPhase, ModelPull, ModelPullStatus};
use zentoria_core::conditions::is_true;
use zentoria_core::model::decide::{Decision, Installed, Why, decide, find, is_pinned, speaks_of};
use zentoria_core::model::progress::milestone;
use zentoria_core::model::report::{Failure, Report, Scene, made, report};
use zentoria_core::model::validate::{Refused, validate};
use zentoria_core::model::want::WantModel;
use zentoria_core::words::{in_units, size};
use zentoria_ops::model::{Site, open};

/// What is missing is looked for again after so long, though nobody told of it.
const MISSING: Duration = Duration::from_secs(30);
/// A look that another resource asked for serves a new one for so long.
const NEW: Duration = Duration::from_secs(1);
/// How far a pull is, is looked at so often, beside what it tells by itself.
const PROGRESS: Duration = Duration::from_secs(5);

/// One look at a ModelPull.
///
/// # Errors
/// Where the API server could not be read or written to; it is tried again.
pub(super) async fn reconcile(object: Arc<ModelPull>, context: Arc<Context>) -> Result<Action, WriteError> {
    let object = context.models.resources.latest.current(&object);
    if !context.serves_labelled(object.as_ref()) {
        // another operator goes on with it
        context.models.pulls.stop(&object.uid().unwrap_or_default());
        return Ok(Action::await_change());
    }
    let mut pass = Pass { context: &context, object, now: Timestamp::now() };
    if pass.object.metadata.deletion_timestamp.is_some() {
        return deletion::reconcile(&pass).await;
    }
    if pass.object.spec.suspend || is_paused(pass.object.as_ref()) {
        pass.models().pulls.stop(&pass.uid());
        let said: Result<WantModel, Refused> = Err((ModelReason::Paused, String::new()));
        pass.say(&said, &Scene::Paused).await?;
        return Ok(Action::await_change());
    }
    let gathered = gather::gather(&context, &pass.object).await?;
    let want = validate(&pass.object, &gathered.around);
    let Ok(wanted) = &want else {
        pass.models().pulls.stop(&pass.uid());
        pass.say(&want, &Scene::Queued).await?;
        return Ok(Action::requeue(MISSING));
    };
    pass.hold(wanted).await?;
    let scene = pass.scene(wanted, &gathered).await;
    let report = pass.say(&want, &scene).await?;
    Ok(pass.again(&scene, &report))
}

/// One look.
pub(super) struct Pass<'a> {
    pub context: &'a Arc<Context>,
    pub object: Arc<ModelPull>,
    pub now: Timestamp,
}

impl Pass<'_> {
    pub fn models(&self) -> &Models {
        &self.context.models
    }

    pub fn uid(&self) -> String {
        self.object.uid().unwrap_or_default()
    }

    pub fn api(&self) -> Api<ModelPull> {
        Api::namespaced(self.context.client.clone(), &self.object.namespace().unwrap_or_default())
    }

    pub fn event(&self, type_: EventType, reason: &'static str, action: &'static str, note: String) {
        let event = Event { type_, reason: reason.into(), action: action.into(), note };
        self.context.events.publish(self.object.object_ref(&()), event);
    }

    /// A resource whose model is deleted with it is held, before there is anything of it; another is not.
    async fn hold(&mut self, want: &WantModel) -> Result<(), WriteError> {
        let finalizer = &self.models().finalizer;
        let written = match (want.deletes, finalizer.is_on(self.object.as_ref())) {
            (true, false) => finalizer.ensure(&self.api(), self.object.as_ref()).await?,
            (false, true) => finalizer.remove(&self.api(), self.object.as_ref()).await?,
            (true, true) | (false, false) => return Ok(()),
        };
        if let Finalized::Patched(stored) = written {
            self.object = self.models().resources.latest.wrote(*stored);
        }
        Ok(())
    }

    /// What is seen, and what is begun.
    async fn scene(&self, want: &WantModel, gathered: &Gathered) -> Scene {
        let models = self.models();
        match models.pulls.state(&self.uid(), &want.wish) {
            Some(State::Queued) => Scene::Queued,
            Some(State::Pulling { transfer, verifying }) => Scene::Pulling { transfer, verifying },
            Some(State::Ended { result, took, bytes }) => self.ended(want, gathered, result, took, bytes).await,
            Some(State::NotNeeded) => {
                models.pulls.stop(&self.uid());
                self.look(want, gathered).await
            }
            None => self.look(want, gathered).await,
        }
    }

    /// The client of the server, made where something is to be asked: most looks are answered by what is known.
    fn site(&self, want: &WantModel, gathered: &Gathered) -> Result<Site, Failure> {
        open(&want.server, gathered.keys(want), &self.context.outside.dialer)
    }

    async fn list(&self, want: &WantModel, gathered: &Gathered, age: Duration) -> Result<Arc<Vec<Installed>>, Failure> {
        let ask = async { self.site(want, gathered)?.list().await };
        self.models().servers.look(&want.server.key(), &want.access, age, ask).await
    }

    /// Looks, and begins a pull where one is needed.
    async fn look(&self, want: &WantModel, gathered: &Gathered) -> Scene {
        let poll = self.models().poll.mul_f64(0.9);
        let status = self.object.status.clone().unwrap_or_default();
        // Whoever has just written the spec wants to hear of the server as it is now.
        let age = if speaks_of(want, &status) { poll } else { poll.min(NEW) };
        let list = match self.list(want, gathered, age).await {
            Ok(list) => list,
            Err(failure) => return Scene::NotSeen(failure),
        };
        let installed = find(&want.model, &list).cloned();
        let decision = decide(want, &status, made(&self.object), installed.as_ref(), self.now);
        match decision {
            Decision::Pull(why) if self.context.writer.may_write() => {
                let site = match self.site(want, gathered) {
                    Ok(site) => site,
                    Err(failure) => return Scene::NotSeen(failure),
                };
                if installed.is_none() && is_true(&status.conditions, PULLED) {
                    let note = format!("{} is not on {} any more: it is pulled again", want.model.words(), want.target);
                    self.event(EventType::Warning, "ModelGone", "Pull", note);
                }
                self.begin(want, site, why);
            }
            Decision::Pull(_) | Decision::Rest | Decision::Replaced { .. } | Decision::Hold => {}
        }
        Scene::Looked { installed, decision }
    }

    /// Begins a pull: a task that waits for its turn on the server.
    fn begin(&self, want: &WantModel, site: Site, why: Why) {
        let wish = want.wish.clone();
        let (context, want, object) = (Arc::clone(self.context), want.clone(), Arc::clone(&self.object));
        let work = move |progress: Arc<Progress>| async move {
            run(&context, &want, &object, &site, why, &progress).await;
            context.models.resources.wake.wake(ObjectRef::from_obj(object.as_ref()));
        };
        self.models().pulls.start(&self.uid(), &wish, work);
    }

    /// A pull has ended: what does the server show now?
    async fn ended(
        &self,
        want: &WantModel,
        gathered: &Gathered,
        result: Result<(), Failure>,
        took: Duration,
        bytes: u64,
    ) -> Scene {
        let failed = match result {
            Err(failure) => Some(failure),
            Ok(()) => match self.list(want, gathered, Duration::ZERO).await {
                // The end of the pull is not forgotten: it is looked at again.
                Err(failure) => return Scene::NotSeen(failure),
                Ok(list) => match find(&want.model, &list) {
                    Some(installed) if is_pinned(&want.model, installed) => {
                        self.models().pulls.stop(&self.uid());
                        self.context.metrics.model_pulled(want.server.engine(), Some(bytes), took);
                        return self.pulled(want, installed, took);
                    }
                    Some(installed) => Some(mismatch(want, installed)),
                    None => Some(Failure {
                        reason: ModelReason::PullFailed,
                        message: format!(
                            "{} said that it has pulled {}, and does not list it: look at its log",
                            want.target,
                            want.model.words()
                        ),
                    }),
                },
            },
        };
        self.models().pulls.stop(&self.uid());
        self.context.metrics.model_pulled(want.server.engine(), None, took);
        failed.map_or(Scene::Queued, Scene::Failed)
    }

    fn pulled(&self, want: &WantModel, installed: &Installed, took: Duration) -> Scene {
        let of = installed.bytes.map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
        let digest = installed.digest.as_ref().or(installed.revision.as_ref());
        let digest = digest.map(|digest| format!(", {digest}")).unwrap_or_default();
        let note = format!("{} is on {} after {}{of}{digest}", want.model.words(), want.target, in_units(took));
        self.event(EventType::Normal, "Pulled", "Pull", note);
        Scene::Pulled { installed: installed.clone(), took }
    }

    /// Writes status, events and figures.
    pub async fn say(&self, want: &Result<WantModel, Refused>, scene: &Scene) -> Result<Report, WriteError> {
        let before = self.object.status.clone().unwrap_or_default();
        let report = report(&self.object, want, scene, self.models().pauses, self.now);
        let saying = Saying {
            reason: report.reason.as_str(),
            phase: report.reason.phase(),
            message: &report.message,
            before: &before.conditions,
        };
        write(self.context, &self.models().resources, &self.object, &report.status, &saying).await?;
        let percent = |status: &ModelPullStatus| status.transfer.map_or(0, |transfer| transfer.percent);
        if let Some(mark) = milestone(percent(&before), percent(&report.status)) {
            let of = report.status.transfer.map(|transfer| size(transfer.total_bytes)).unwrap_or_default();
            let model = report.status.model.as_deref().unwrap_or_default();
            self.event(EventType::Normal, "Pulling", "Pull", format!("{model}: {mark}% of {of}"));
        }
        let figures = ModelFigures {
            ready: is_true(&report.status.conditions, READY),
            bytes: report.status.bytes,
            pulling: matches!(report.status.phase, ModelPhase::Pulling | ModelPhase::Verifying),
        };
        let namespace = self.object.namespace().unwrap_or_default();
        self.context.metrics.set_model(&namespace, &self.object.name_any(), figures);
        Ok(report)
    }

    /// When to look again.
    pub fn again(&self, scene: &Scene, report: &Report) -> Action {
        let models = self.models();
        let mut wait = models.poll;
        match scene {
            Scene::NotSeen(_) | Scene::Deleting(_) => wait = wait.min(models.looks.failed(&self.uid()).wait),
            Scene::Pulling { .. } => wait = wait.min(PROGRESS),
            Scene::Paused | Scene::Looked { .. } | Scene::Queued | Scene::Pulled { .. } | Scene::Failed(_) => {
                models.looks.reset(&self.uid())
            }
        }
        if let Some(moment) = report.look_again {
            // A moment later, so that it has passed.
            let until = Duration::try_from(moment.duration_since(self.now)).unwrap_or_default();
            wait = wait.min(until + Duration::from_millis(500));
        }
        Action::requeue(wait)
    }
}

/// The work of one pull.
async fn run(
    context: &Arc<Context>,
    want: &WantModel,
    object: &Arc<ModelPull>,
    site: &Site,
    why: Why,
    progress: &Arc<Progress>,
) {
    let models = &context.models;
    let key = want.server.key();
    let turn = models.servers.turn(&key);
    let (_turn, waited) = match turn.try_lock() {
        Ok(turn) => (turn, false),
        Err(_) => (turn.lock().await, true),
    };
    // Meanwhile another ModelPull may have pulled it.
    if waited
        && why != Why::Refresh
        && let Ok(list) = models.servers.look(&key, &want.access, Duration::ZERO, site.list()).await
        && find(&want.model, &list).is_some_and(|installed| is_pinned(&want.model, installed))
    {
        return progress.not_needed();
    }
    let wake = || models.resources.wake.wake(ObjectRef::from_obj(object.as_ref()));
    progress.begin();
    let note = format!("{} to {}: {}", want.model.words(), want.target, why.words());
    let event = Event { type_: EventType::Normal, reason: "PullStarted".into(), action: "Pull".into(), note };
    context.events.publish(object.object_ref(&()), event);
    wake();
    let room = gather::room(context, &object.namespace().unwrap_or_default(), want);
    let told = |completed, total, verifying| {
        if progress.note(completed, total, verifying) {
            wake();
        }
    };
    let result = site.pull(want, room, &told).await;
    models.servers.forget(&key);
    progress.end(result);
}

fn mismatch(want: &WantModel, installed: &Installed) -> Failure {
    let is = installed.digest.as_ref().or(installed.revision.as_ref());
    let is = is.map_or("something that it shows no digest of", String::as_str);
    let pin = want.model.pin().unwrap_or_default();
    Failure {
        reason: ModelReason::DigestMismatch,
        message: format!(
            "{} is pinned to {pin}, and pulling it anew gave {is} on {}: its tag has moved; pin what is there now after looking \
             at what changed, or name a tag that still is what was pinned",
            want.model.words(),
            want.target
        ),
    }
}
