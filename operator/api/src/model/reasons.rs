//! Why the conditions of a ModelPull are as they are.

use crate::conditions::{Phase, reasons};
use std::fmt;

reasons! {
    /// Reasons of a ModelPull.
    ModelReason {
        /// The model is there, as the spec says.
        Ready => Settled,
        /// The model is there, but somebody replaced it since it was pulled; policy `IfNotPresent` leaves it alone.
        Replaced => Settled,
        /// First sight.
        Pending => Progressing,
        /// It is being pulled.
        Pulling => Progressing,
        /// All bytes are there, and are being verified.
        Verifying => Progressing,
        /// Another model is being pulled on that server.
        Queued => Waiting,
        /// The container has no address yet, or is not running.
        WaitingFor => Waiting,
        /// The server does not answer, and is asked again.
        Unreachable => Retrying,
        /// The pull broke off, or got no byte for `stallTimeout`, and is begun again where it stopped.
        Interrupted => Retrying,
        /// The server cannot reach the registry or hub, and tries again.
        RegistryUnreachable => Retrying,
        /// What came is not what its manifest promises; the server fetches it again.
        Damaged => Retrying,
        /// The server gave an error, and is asked again.
        PullFailed => Retrying,
        /// The server's disk has no room for it.
        NotEnoughSpace => Stalled,
        /// Registry or hub has no such model, tag or revision.
        ModelNotFound => Stalled,
        /// What was pulled is not what the spec pins.
        DigestMismatch => Stalled,
        /// Server, registry or hub refuse the credentials.
        AccessDenied => Stalled,
        /// What answers is not such a model server.
        NotAModelServer => Stalled,
        /// The model needs a newer server.
        NeedsNewerServer => Stalled,
        /// The certificate of the server or registry is not accepted, or there is none.
        TlsFailed => Stalled,
        /// The container has no client of the hub (`hf`), or one that cannot be used.
        ClientMissing => Stalled,
        /// The container has no such service.
        ServiceNotFound => Stalled,
        /// The container does not exist.
        NotFound => Stalled,
        /// A Secret or one of its keys is missing.
        SecretNotFound => Stalled,
        /// An older ModelPull pins the same model on the same server to something else.
        Conflict => Stalled,
        /// A field of the spec cannot work.
        InvalidSpec => Stalled,
        /// `spec.suspend` or the annotation `zentoria.ai/paused`.
        Paused => Silent,
    }
}
