//! The evaluator's own rules, each with one configuration.

use crate::model::fields;
use std::collections::BTreeMap;
use std::net::IpAddr;
use zentoria_core::firewall::evaluate::{Datacenter, Guest, Interface, Packet, PveFirewall, Verdict, verdict};

const DB: &str = "10.10.40.4";
const WEB: &str = "10.10.40.0";

fn guest(name: &str, address: &str, options: &str, rules: &[&str]) -> Guest {
    let address: IpAddr = address.parse().expect("an address");
    let six: IpAddr = if address.is_ipv4() { "fd00::4" } else { "fd00::9" }.parse().expect("an address");
    Guest {
        name: name.to_owned(),
        interfaces: vec![Interface {
            name: "net0".to_owned(),
            firewall: true,
            addresses: if name == "db" { vec![address, six] } else { vec![address] },
            more: Vec::new(),
        }],
        options: fields(&format!("enable=1 {options}")),
        rules: rules.iter().map(|rule| fields(rule)).collect(),
        ..Guest::default()
    }
}

/// A database with these options and rules, and a web server that may send what it likes.
fn estate(options: &str, rules: &[&str]) -> PveFirewall {
    PveFirewall {
        datacenter: Some(Datacenter { enabled: true, ..Datacenter::default() }),
        guests: vec![guest("db", DB, options, rules), guest("web", WEB, "", &[])],
    }
}

fn packet(text: &str) -> Packet {
    let fields = fields(text);
    let address = |key: &str, default: &str| -> IpAddr {
        fields.get(key).map_or(default, String::as_str).parse().expect("an address")
    };
    let port = |key: &str| fields.get(key).map(|port| port.parse().expect("a port"));
    Packet {
        source: address("from", WEB),
        dest: address("to", DB),
        proto: fields.get("proto").cloned().unwrap_or_else(|| "tcp".to_owned()),
        sport: port("sport"),
        dport: port("port"),
        icmp_type: fields.get("icmp").cloned(),
    }
}

fn letter(verdict: &Verdict) -> char {
    match verdict {
        Verdict::Accept(_) => 'A',
        Verdict::Drop(_) => 'D',
        Verdict::Reject(_) => 'R',
        Verdict::Unknown(_) => '?',
    }
}

#[test]
fn each_field_of_a_rule_matches_as_pve_makes_it() {
    let cases: &[(&str, &str, char)] = &[
        ("type=in action=ACCEPT proto=tcp dport=80", "port=80", 'A'),
        ("type=in action=ACCEPT proto=tcp dport=80", "port=81", 'D'),
        ("type=in action=ACCEPT proto=tcp dport=80", "proto=udp port=80", 'D'),
        ("type=in action=ACCEPT proto=6 dport=80", "port=80", 'A'),
        ("type=in action=ACCEPT proto=tcp dport=80,8000:8100", "port=8080", 'A'),
        ("type=in action=ACCEPT proto=tcp dport=https", "port=443", 'A'),
        ("type=in action=ACCEPT proto=tcp dport=nosuchname", "port=443", '?'),
        ("type=in action=ACCEPT proto=nosuchproto", "port=443", '?'),
        ("type=in action=ACCEPT dport=80", "port=80", 'D'),
        ("type=in action=ACCEPT proto=udp sport=53", "proto=udp port=9 sport=53", 'A'),
        ("type=in action=ACCEPT proto=udp sport=53", "proto=udp port=9", 'D'),
        ("type=in action=ACCEPT source=10.10.40.0", "port=80", 'A'),
        ("type=in action=ACCEPT source=10.10.40.1,10.10.40.0", "port=80", 'A'),
        ("type=in action=ACCEPT source=10.10.0.0/16", "port=80", 'A'),
        ("type=in action=ACCEPT source=10.10.39.250-10.10.40.3", "port=80", 'A'),
        ("type=in action=ACCEPT source=10.10.40.1-10.10.40.3", "port=80", 'D'),
        ("type=in action=ACCEPT source=fd00::/8", "port=80", 'D'),
        ("type=in action=ACCEPT source=fd00::/8", "from=fd00::1 to=fd00::4 port=80", 'A'),
        ("type=in action=ACCEPT dest=10.10.40.4", "port=80", 'A'),
        ("type=in action=ACCEPT dest=10.10.40.5", "port=80", 'D'),
        ("type=in action=ACCEPT iface=net0", "port=80", 'A'),
        ("type=in action=ACCEPT iface=net1", "port=80", 'D'),
        ("type=in action=ACCEPT macro=Web", "port=80", 'A'),
        ("type=in action=ACCEPT macro=web", "port=443", 'A'),
        ("type=in action=ACCEPT macro=Web proto=udp", "proto=udp port=443", 'D'),
        ("type=in action=ACCEPT macro=NoSuch", "port=443", '?'),
        ("type=in action=DROP macro=NoSuch", "port=443", 'D'),
        ("type=in action=ACCEPT macro=DNS", "proto=udp port=53", 'A'),
        ("type=in action=ACCEPT macro=Ping", "proto=icmp icmp=echo-request", 'A'),
        ("type=in action=ACCEPT macro=Ping", "proto=icmp icmp=echo-reply", 'D'),
        ("type=in action=ACCEPT macro=Ping", "from=fd00::1 to=fd00::4 proto=ipv6-icmp icmp=echo-request", 'A'),
        ("type=in action=ACCEPT macro=GRE", "proto=47", 'A'),
        ("type=in action=ACCEPT macro=IPsec", "proto=udp sport=500 port=500", 'A'),
        ("type=in action=ACCEPT proto=icmp icmp-type=echo-request", "proto=icmp icmp=echo-request", 'A'),
        ("type=in action=ACCEPT proto=icmp dport=echo-request", "proto=icmp icmp=echo-request", 'A'),
        ("type=in action=ACCEPT proto=icmp icmp-type=3", "proto=icmp icmp=port-unreachable", 'A'),
        ("type=in action=ACCEPT proto=icmp", "proto=icmp", 'A'),
        ("type=in action=REJECT proto=icmp", "proto=icmp", 'D'),
        ("type=in action=REJECT", "port=80", 'R'),
        ("type=in action=REJECT", "from=224.0.0.9 port=80", 'D'),
        ("type=out action=ACCEPT", "port=80", 'D'),
        ("type=in action=ACCEPT source=nosuchalias", "port=80", 'D'),
        ("type=in action=ACCEPT source=+nosuchset", "port=80", 'D'),
        ("type=in action=ACCEPT source=+sdn/net", "port=80", '?'),
        ("type=in action=ACCEPT source=local_network", "port=80", '?'),
        ("type=in action=ACCEPT errors=x", "port=80", 'D'),
        ("type=group action=nosuchgroup", "port=80", 'D'),
    ];
    for (rule, flow, wanted) in cases {
        let config = estate("dhcp=0 ndp=0", &[&format!("{rule} enable=1")]);
        let said = verdict(&config, &packet(flow));
        assert_eq!(letter(&said), *wanted, "{rule}, {flow}: {said:?}");
        let off = estate("dhcp=0 ndp=0", &[&format!("{rule} enable=0")]);
        assert_eq!(letter(&verdict(&off, &packet(flow))), 'D', "{rule} switched off, {flow}");
    }
}

#[test]
fn options_and_policies_decide_where_no_rule_does() {
    let answer = "proto=udp sport=67 port=68";
    let ask = "from=10.10.40.4 to=10.10.40.0 proto=udp sport=68 port=67";
    let six = |kind: &str| format!("from=fd00::1 to=fd00::4 proto=ipv6-icmp icmp={kind}");
    let out = |kind: &str| format!("from=fd00::4 to=fd00::1 proto=ipv6-icmp icmp={kind}");
    let cases: &[(&str, String, char)] = &[
        ("", "port=80".to_owned(), 'D'),
        ("policy_in=ACCEPT", "port=80".to_owned(), 'A'),
        ("policy_in=REJECT", "port=80".to_owned(), 'R'),
        ("policy_in=REJECT", "proto=udp port=1900".to_owned(), 'D'),
        ("policy_in=REJECT", "proto=icmp".to_owned(), 'D'),
        ("policy_in=DROP", "proto=icmp icmp=fragmentation-needed".to_owned(), 'A'),
        ("policy_in=DROP", "proto=icmp icmp=time-exceeded".to_owned(), 'A'),
        ("policy_in=DROP", "proto=icmp icmp=echo-request".to_owned(), 'D'),
        ("policy_in=DROP", six("packet-too-big"), 'A'),
        ("policy_in=DROP", "from=fd00::1 to=fd00::4 port=43".to_owned(), 'R'),
        ("enable=0", "port=80".to_owned(), 'A'),
        ("", answer.to_owned(), 'A'),
        ("dhcp=1", answer.to_owned(), 'A'),
        ("dhcp=0", answer.to_owned(), 'D'),
        ("policy_out=DROP dhcp=1", ask.to_owned(), 'A'),
        ("policy_out=DROP dhcp=0", ask.to_owned(), 'D'),
        ("", six("neighbor-solicitation"), 'A'),
        ("ndp=0", six("neighbor-solicitation"), 'D'),
        ("ndp=1", six("router-advertisement"), 'A'),
        ("radv=0", out("router-advertisement"), 'D'),
        ("radv=1 policy_out=DROP", out("router-advertisement"), 'A'),
        ("policy_out=DROP", "from=10.10.40.4 to=10.10.40.0 port=80".to_owned(), 'D'),
        ("", "from=10.10.40.4 to=192.0.2.1 port=80".to_owned(), 'A'),
        ("policy_out=REJECT", "from=10.10.40.4 to=192.0.2.1 port=80".to_owned(), 'R'),
    ];
    for (options, flow, wanted) in cases {
        let mut config = estate(options, &[]);
        config.guests[1].options = BTreeMap::new();
        let said = verdict(&config, &packet(flow));
        assert_eq!(letter(&said), *wanted, "{options}, {flow}: {said:?}");
    }
}

#[test]
fn sets_match_by_their_longest_prefix_and_names_are_looked_up_in_the_guest_first() {
    let set = |entries: &[(&str, bool)]| entries.iter().map(|(cidr, not)| ((*cidr).to_owned(), *not)).collect();
    let mut config = estate("", &[]);
    config.guests[0].ipsets.insert(
        "peers".to_owned(),
        set(&[("10.10.0.0/16", false), ("10.10.40.0/24", true), ("10.10.40.3", false), ("gate", false)]),
    );
    config.guests[0].aliases.insert("gate".to_owned(), "10.10.40.8".to_owned());
    let datacenter = config.datacenter.as_mut().expect("a datacenter");
    datacenter.ipsets.insert("peers".to_owned(), set(&[("10.10.40.0", false)]));
    datacenter.ipsets.insert("all".to_owned(), set(&[("office", false)]));
    datacenter.aliases.insert("office".to_owned(), "10.77.0.0/16".to_owned());
    datacenter.aliases.insert("gate".to_owned(), "10.77.0.1".to_owned());
    let cases: &[(&str, &str, char)] = &[
        ("+peers", "10.10.3.1", 'A'),
        ("+peers", "10.10.40.0", 'D'),
        ("+peers", "10.10.40.3", 'A'),
        ("+peers", "10.10.40.8", 'A'),
        ("+guest/peers", "10.10.3.1", 'A'),
        ("+dc/peers", "10.10.40.0", 'A'),
        ("+dc/peers", "10.10.3.1", 'D'),
        ("+all", "10.77.3.1", 'A'),
        ("+guest/all", "10.77.3.1", 'D'),
        ("gate", "10.10.40.8", 'A'),
        ("Gate", "10.10.40.8", 'A'),
        ("guest/gate", "10.10.40.8", 'A'),
        ("dc/gate", "10.77.0.1", 'A'),
        ("dc/gate", "10.10.40.8", 'D'),
        ("office", "10.77.0.1", 'A'),
    ];
    for (source, from, wanted) in cases {
        config.guests[0].rules = vec![fields(&format!("type=in action=ACCEPT enable=1 source={source}"))];
        config.guests[1].interfaces[0].addresses = vec!["10.10.99.99".parse().expect("an address")];
        let said = verdict(&config, &packet(&format!("from={from} port=80")));
        assert_eq!(letter(&said), *wanted, "{source} from {from}: {said:?}");
    }
    config.datacenter = None;
    for (source, wanted) in [("+all", '?'), ("+peers", 'A'), ("office", '?'), ("+guest/all", 'D')] {
        config.guests[0].rules = vec![fields(&format!("type=in action=ACCEPT enable=1 source={source}"))];
        let said = verdict(&config, &packet("from=10.10.3.1 port=80"));
        assert_eq!(letter(&said), wanted, "the datacenter was not read: {source}: {said:?}");
    }
}

#[test]
fn nothing_is_filtered_where_a_switch_is_off() {
    let flow = packet("port=80");
    let mut config = estate("", &[]);
    assert_eq!(letter(&verdict(&config, &flow)), 'D');
    config.guests[0].interfaces[0].firewall = false;
    assert_eq!(verdict(&config, &flow), Verdict::Accept("net0 of db has firewall=0".to_owned()));
    config.guests[0].interfaces[0].firewall = true;
    config.datacenter.as_mut().expect("a datacenter").enabled = false;
    assert_eq!(letter(&verdict(&config, &flow)), 'A');
}

#[test]
fn both_ends_have_to_agree() {
    let mut config = estate("", &["type=in action=ACCEPT enable=1"]);
    assert_eq!(letter(&verdict(&config, &packet("port=80"))), 'A');
    config.guests[1].options.insert("policy_out".to_owned(), "DROP".to_owned());
    assert_eq!(verdict(&config, &packet("port=80")), Verdict::Drop("policy_out DROP".to_owned()));
    config.guests[1].rules = vec![fields("type=out action=ACCEPT enable=1 proto=tcp dport=80 dest=10.10.40.4")];
    assert_eq!(letter(&verdict(&config, &packet("port=80"))), 'A');
    assert_eq!(letter(&verdict(&config, &packet("port=81"))), 'D');
}

#[test]
fn a_guest_with_a_filter_of_addresses_sends_from_its_own_only() {
    let mut config = estate("", &["type=in action=ACCEPT enable=1"]);
    config.guests[1].interfaces[0].more = vec!["10.10.77.0/24".parse().expect("a network")];
    let own = packet("port=80");
    let more = packet("from=10.10.77.7 port=80");
    assert_eq!(letter(&verdict(&config, &more)), 'A');
    config.guests[1].options.insert("ipfilter".to_owned(), "1".to_owned());
    assert_eq!(letter(&verdict(&config, &own)), 'A', "what the interface is configured with is in it");
    assert_eq!(letter(&verdict(&config, &more)), 'D');
    config.guests[1].ipsets.insert("ipfilter-net0".to_owned(), [("10.10.77.7".to_owned(), false)].into());
    assert_eq!(letter(&verdict(&config, &more)), 'A');
    config.guests[1].options.insert("ipfilter".to_owned(), "0".to_owned());
    let other = packet("from=10.10.77.8 port=80");
    assert_eq!(letter(&verdict(&config, &other)), 'D', "the set alone switches the filter on");
}

#[test]
fn a_security_group_goes_on_where_none_of_its_rules_matches() {
    let mut config =
        estate("", &["type=group action=ssh enable=1", "type=in action=ACCEPT enable=1 proto=tcp dport=80"]);
    let group =
        ["type=in action=ACCEPT proto=tcp dport=22 enable=1", "type=in action=REJECT proto=tcp dport=23 enable=1"];
    let datacenter = config.datacenter.as_mut().expect("a datacenter");
    datacenter.groups.insert("ssh".to_owned(), group.map(fields).into());
    for (port, wanted) in [(22, 'A'), (23, 'R'), (80, 'A'), (81, 'D')] {
        assert_eq!(letter(&verdict(&config, &packet(&format!("port={port}")))), wanted, "port {port}");
    }
    datacenter_gone(&mut config);
    assert_eq!(letter(&verdict(&config, &packet("port=80"))), '?', "an unknown group may refuse it");
}

fn datacenter_gone(config: &mut PveFirewall) {
    config.datacenter = None;
}

#[test]
fn the_blacklist_of_the_datacenter_comes_before_all_rules() {
    let mut config = estate("", &["type=in action=ACCEPT enable=1"]);
    let datacenter = config.datacenter.as_mut().expect("a datacenter");
    datacenter.ipsets.insert("blacklist".to_owned(), [("192.0.2.0/24".to_owned(), false)].into());
    assert_eq!(letter(&verdict(&config, &packet("from=192.0.2.1 port=80"))), 'D');
    assert_eq!(letter(&verdict(&config, &packet("from=192.0.3.1 port=80"))), 'A');
}
