//! What the guard lets through of pools and downloads, whatever the planner made.

use crate::fixture::spec;
use crate::model::World;
use zentoria_api::conditions::ContainerReason;
use zentoria_core::container::guard::guard;
use zentoria_core::container::plan::plan;
use zentoria_core::container::step::Step;

const DOWNLOAD: &str = "vmid: 404, rootDisk: {size: 8Gi}, source: {template: {name: debian-13.tar.zst, storage: local, \
url: 'http://10.10.0.9/debian-13.tar.zst', checksum: 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}";
const IMAGE: &str =
    "vmid: 404, rootDisk: {size: 8Gi}, source: {image: {reference: 'docker.io/library/nginx:1.29', storage: local}}";
const POOL: &str = "vmid: 404, rootDisk: {size: 8Gi}, pool: lab";
const CLONE: &str = "vmid: 404, pool: lab, source: {clone: {container: golden}}, network: {interfaces: [{}]}";

#[test]
fn nothing_is_fetched_or_put_into_a_pool_that_the_grant_does_not_name() {
    for wish in [DOWNLOAD, IMAGE, POOL, CLONE] {
        let mut world = World::new(spec(wish));
        world.look();
        let mut want = world.want().unwrap();
        let planned = plan(&want, &world.seen);
        assert!(matches!(planned.steps.as_slice(), [Step::Pull(_) | Step::Create(_) | Step::Clone(_)]), "{planned:?}");
        assert_eq!(guard(planned.clone(), &want, &world.seen), planned, "{wish}");
        want.grant.download_hosts.clear();
        want.grant.pools.clear();
        let held = guard(planned, &want, &world.seen);
        assert_eq!(
            (held.steps.len(), held.verdict.reason),
            (0, ContainerReason::Bug),
            "{wish}: {}",
            held.verdict.message
        );
        assert!(held.verdict.message.contains("not granted"), "{wish}: {}", held.verdict.message);
    }
}
