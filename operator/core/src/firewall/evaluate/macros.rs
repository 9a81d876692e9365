//! The macros that a rule may name. The names are those that a Proxmox VE 9.2 lists (`GET /cluster/firewall/macros`, all
//! 86); what each stands for is in the Proxmox VE Administration Guide, appendix "Firewall Macro Definitions".

/// What one row of a macro stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Protocol: a name or a number.
    pub proto: &'a str,
    /// Ports it goes to, or the type of ICMP.
    pub dport: Option<&'a str>,
    /// Ports it comes from.
    pub sport: Option<&'a str>,
}

/// What a macro stands for in a family; an empty list where it has nothing there. None: PVE knows no such macro, as far as
/// this table goes.
#[must_use]
pub fn expand(name: &str, v6: bool) -> Option<Vec<Part<'static>>> {
    let (_, both, six) = MACROS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
    let text = if v6 { six.unwrap_or(both) } else { both };
    Some(text.split(' ').filter(|part| *part != NOTHING).map(part).collect())
}

/// No row in this family.
const NOTHING: &str = "-";

/// `proto`, `proto/dport`, `proto/dport<sport`.
fn part(text: &str) -> Part<'_> {
    let (rest, sport) = text.split_once('<').map_or((text, None), |(rest, sport)| (rest, Some(sport)));
    let (proto, dport) = rest.split_once('/').map_or((rest, None), |(proto, dport)| (proto, Some(dport)));
    Part { proto, dport, sport }
}

/// Name, what it stands for, and what it stands for with IPv6 where that differs.
#[rustfmt::skip]
const MACROS: &[(&str, &str, Option<&str>)] = &[
    ("Amanda", "udp/10080 tcp/10080", None),
    ("Auth", "tcp/113", None),
    ("BGP", "tcp/179", None),
    ("BitTorrent", "tcp/6881:6889 udp/6881", None),
    ("BitTorrent32", "tcp/6881:6999 udp/6881", None),
    ("Ceph", "tcp/6789 tcp/3300 tcp/6800:7300", None),
    ("Citrix", "tcp/1494 udp/1604 tcp/2598", None),
    ("CVS", "tcp/2401", None),
    ("DAAP", "tcp/3689 udp/3689", None),
    ("DCC", "tcp/6277", None),
    ("DHCPfwd", "udp/67:68<67:68", None),
    ("DHCPv6", "-", Some("udp/546:547<546:547")),
    ("Distcc", "tcp/3632", None),
    ("DNS", "udp/53 tcp/53", None),
    ("Finger", "tcp/79", None),
    ("FTP", "tcp/21", None),
    ("Git", "tcp/9418", None),
    ("GNUnet", "tcp/2086 udp/2086 tcp/1080 udp/1080", None),
    ("GRE", "47", None),
    ("HKP", "tcp/11371", None),
    ("HTTP", "tcp/80", None),
    ("HTTPS", "tcp/443", None),
    ("ICPV2", "udp/3130", None),
    ("ICQ", "tcp/5190", None),
    ("IMAP", "tcp/143", None),
    ("IMAPS", "tcp/993", None),
    ("IPIP", "94", None),
    ("IPsec", "udp/500<500 50", None),
    ("IPsecah", "udp/500<500 51", None),
    ("IPsecnat", "udp/500 udp/4500 50", None),
    ("IRC", "tcp/6667", None),
    ("Jetdirect", "tcp/9100", None),
    ("L2TP", "udp/1701", None),
    ("LDAP", "tcp/389", None),
    ("LDAPS", "tcp/636", None),
    ("Mail", "tcp/25 tcp/465 tcp/587", None),
    ("MDNS", "udp/5353", None),
    ("MSNP", "tcp/1863", None),
    ("MSSQL", "tcp/1433", None),
    ("Munin", "tcp/4949", None),
    ("MySQL", "tcp/3306", None),
    ("NeighborDiscovery", "-", Some("icmpv6/router-solicitation icmpv6/router-advertisement icmpv6/neighbor-solicitation icmpv6/neighbor-advertisement")),
    ("NNTP", "tcp/119", None),
    ("NNTPS", "tcp/563", None),
    ("NTP", "udp/123", None),
    ("OpenVPN", "udp/1194", None),
    ("OSPF", "89", None),
    ("PCA", "udp/5632 tcp/5631", None),
    ("Ping", "icmp/echo-request", Some("icmpv6/echo-request")),
    ("PMG", "tcp/8006", None),
    ("POP3", "tcp/110", None),
    ("POP3S", "tcp/995", None),
    ("PostgreSQL", "tcp/5432", None),
    ("PPtP", "47 tcp/1723", None),
    ("Printer", "tcp/515", None),
    ("Razor", "tcp/2703", None),
    ("Rdate", "tcp/37", None),
    ("RDP", "tcp/3389", None),
    ("RIP", "udp/520", None),
    ("RNDC", "tcp/953", None),
    ("Rsync", "tcp/873", None),
    ("SANE", "tcp/6566", None),
    ("SixXS", "tcp/3874 udp/3740 41 udp/5072,8374", None),
    ("SMB", "udp/135,445 udp/137:139 udp/1024:65535<137 tcp/135,139,445", None),
    ("SMBswat", "tcp/901", None),
    ("SMTP", "tcp/25", None),
    ("SMTPS", "tcp/465", None),
    ("SNMP", "udp/161:162 tcp/161", None),
    ("SPAMD", "tcp/783", None),
    ("SPICEproxy", "tcp/3128", None),
    ("Squid", "tcp/3128", None),
    ("SSH", "tcp/22", None),
    ("Submission", "tcp/587", None),
    ("SVN", "tcp/3690", None),
    ("Syslog", "udp/514 tcp/514", None),
    ("Telnet", "tcp/23", None),
    ("Telnets", "tcp/992", None),
    ("TFTP", "udp/69", None),
    ("Time", "tcp/37", None),
    ("Trcrt", "udp/33434:33524 icmp/echo-request", Some("udp/33434:33524 icmpv6/echo-request")),
    ("VNC", "tcp/5900:5999", None),
    ("VNCL", "tcp/5500", None),
    ("Web", "tcp/80 tcp/443", None),
    ("Webcache", "tcp/8080", None),
    ("Webmin", "tcp/10000", None),
    ("Whois", "tcp/43", None),
];
