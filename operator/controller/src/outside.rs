//! The way to Proxmox VE: through the one dialer, behind the fence, and counted.

use crate::runtime::leader::Fence;
use crate::runtime::metrics::{Metrics, PveRequest};
use std::sync::Arc;
use zentoria_ops::cluster::{Dialer, Observer, Outside, RequestRecord};

/// How every cluster is reached.
pub(crate) fn outside(dialer: Dialer, fence: Fence, metrics: Metrics) -> Outside {
    struct ToMetrics {
        cluster: String,
        metrics: Metrics,
    }
    impl Observer for ToMetrics {
        fn on_request(&self, record: &RequestRecord<'_>) {
            let status = record.status.map_or_else(|| record.error.unwrap_or("error").to_owned(), |s| s.to_string());
            self.metrics.pve_request(PveRequest {
                cluster: &self.cluster,
                method: record.method,
                path: record.template,
                status: &status,
                took: record.duration,
            });
        }
    }
    Outside {
        dialer,
        fence: Arc::new(move || fence.may_write()),
        observer: Arc::new(move |cluster: &str| {
            Arc::new(ToMetrics { cluster: cluster.to_owned(), metrics: metrics.clone() }) as Arc<dyn Observer>
        }),
    }
}
