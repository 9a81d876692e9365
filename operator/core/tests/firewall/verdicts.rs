//! The evaluator against what a real Proxmox VE did.

use crate::recorded;
use std::net::IpAddr;
use zentoria_core::firewall::evaluate::{Packet, Verdict, verdict};

const VERDICTS: &str = include_str!("../../../../tests/fixtures/firewall/verdicts.tsv");

/// One recorded verdict.
struct Row {
    from: String,
    to: String,
    packet: Packet,
    verdict: char,
}

fn rows() -> Vec<Row> {
    let mut lines = VERDICTS.lines().filter(|line| !line.starts_with('#'));
    let ports: Vec<u16> =
        lines.next().expect("a header").split('\t').skip(4).map(|port| port.parse().expect("a port")).collect();
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let address = |cell: &str| cell.parse::<IpAddr>().expect("an address");
        let (source, dest) = (address(cells[1]), address(cells[3]));
        let one = move |(port, verdict): (u16, String)| Row {
            from: cells[0].to_owned(),
            to: cells[2].to_owned(),
            packet: Packet::tcp(source, dest, port),
            verdict: verdict.chars().next().expect("a verdict"),
        };
        let verdicts = line.split('\t').skip(4).map(str::to_owned);
        ports.clone().into_iter().zip(verdicts).map(one)
    };
    lines.flat_map(row).collect()
}

#[test]
fn every_recorded_verdict_is_what_the_evaluator_says() {
    let config = recorded::firewall();
    let rows = rows();
    assert_eq!(rows.len(), 1870);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let said = verdict(&config, &row.packet);
            let letter = match &said {
                Verdict::Accept(_) => 'A',
                Verdict::Drop(_) => 'D',
                Verdict::Reject(_) => 'R',
                Verdict::Unknown(_) => '?',
            };
            let port = row.packet.dport.unwrap_or_default();
            (letter != row.verdict)
                .then(|| format!("{} -> {}:{port}: recorded {}, said {said:?}", row.from, row.to, row.verdict))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn a_verdict_says_what_decided() {
    let config = recorded::firewall();
    let said = |from: &str, to: &str, port| {
        let packet = Packet::tcp(from.parse().expect("an address"), to.parse().expect("an address"), port);
        verdict(&config, &packet)
    };
    assert_eq!(said("10.10.40.1", "10.10.40.4", 5432), Verdict::Accept("rule backend->db:5432".to_owned()));
    assert_eq!(said("10.10.41.6", "10.10.40.4", 22), Verdict::Accept("group zen-ssh".to_owned()));
    assert_eq!(said("10.10.41.0", "10.10.40.4", 5432), Verdict::Drop("rule redis may start nothing".to_owned()));
    assert_eq!(said("10.10.40.0", "10.10.40.4", 5432), Verdict::Drop("policy_in DROP".to_owned()));
}
