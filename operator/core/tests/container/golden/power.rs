//! Who starts and stops a guest.

use super::{Case, check, made, stopped};
use crate::fixture::{created, guest_mut};
use crate::model::World;
use zentoria_api::container::{Origin, PowerStatus, RunState};
use zentoria_core::Fact;
use zentoria_core::container::seen::StopCause;

fn by(title: &'static str, wish: &'static str, cause: StopCause) -> Case {
    made(title, wish, &[], |world| {
        stopped(world);
        world.cause = cause;
    })
}

#[test]
fn power() {
    let person = || StopCause::Person("ops@pve".into());
    let ha = |world: &mut World| {
        stopped(world);
        guest_mut(&mut world.seen).unwrap().ha = true;
    };
    let adopted = |world: &mut World| {
        stopped(world);
        world.seen.recorded.created = Some(created(Origin::Adopted, true));
    };
    check(
        "power",
        vec![
            made("runs", "vmid: 404", &[], |_| {}),
            by("a person stopped it", "vmid: 404", person()),
            by(
                "a person stopped it, and that is not respected",
                "vmid: 404, power: {onExternalStop: Restart}",
                person(),
            ),
            by("it crashed", "vmid: 404", StopCause::Crash),
            by("its node was shut down", "vmid: 404", StopCause::NodeShutdown),
            by("we stopped it", "vmid: 404", StopCause::Ours),
            made("it is remembered who stopped it", "vmid: 404", &[], |world| {
                stopped(world);
                let stopped_by = Some("ops@pve".to_owned());
                world.seen.recorded.power = Some(PowerStatus { state: RunState::Stopped, stopped_by });
            }),
            made("it never ran", "vmid: 404", &[], |world| {
                stopped(world);
                world.seen.recorded.power = None;
            }),
            made("its power cannot be asked", "vmid: 404", &[], |world| {
                guest_mut(&mut world.seen).unwrap().running = Fact::Unknown("595 no route to host".into());
            }),
            made("it should be stopped", "vmid: 404, power: {state: Stopped}", &[], |_| {}),
            made("it is stopped as it should be", "vmid: 404, power: {state: Stopped}", &[], stopped),
            made("HA decides", "vmid: 404", &[], ha),
            made("an adopted one is left as it is", "vmid: 404, adoption: IfExists", &[], adopted),
            made(
                "an adopted one whose power is named",
                "vmid: 404, adoption: IfExists, power: {state: Running}",
                &[],
                adopted,
            ),
            made("a change and a start in one act", "vmid: 404, resources: {cores: 2}", &[], stopped),
            made(
                "a change and a shutdown in one act",
                "vmid: 404, resources: {cores: 2}, power: {state: Stopped}",
                &[],
                |_| {},
            ),
        ],
    );
}
