//! What a network is made with: the options of QEMU's `-netdev user`, and what QEMU says of wrong ones (recorded from QEMU 7.2).

use std::net::{Ipv4Addr, SocketAddrV4};

/// A port of the host that leads to one of a guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forward {
    /// UDP, not TCP.
    pub udp: bool,
    /// Where the host listens.
    pub host: SocketAddrV4,
    /// Where it leads.
    pub guest: SocketAddrV4,
}

/// A network's options.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The network's address.
    pub net: Ipv4Addr,
    /// Bits of it that are the network's.
    pub prefix: u8,
    /// The gateway, which is the host's loopback as well.
    pub host: Ipv4Addr,
    /// The name server.
    pub dns: Ipv4Addr,
    /// The first address that is given.
    pub dhcpstart: Ipv4Addr,
    /// Nothing leads outside but what came in by a rule.
    pub restrict: bool,
    /// The name given to clients.
    pub hostname: Option<String>,
    /// The domain given to clients.
    pub domain: Option<String>,
    /// The domains they look in.
    pub dns_search: Vec<String>,
    /// The name of a TFTP server.
    pub tftp_server: Option<String>,
    /// What they boot.
    pub bootfile: Option<String>,
    /// Ports that lead inwards.
    pub forwards: Vec<Forward>,
    /// What sequence numbers begin from.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            net: [10, 0, 2, 0].into(),
            prefix: 24,
            host: [10, 0, 2, 2].into(),
            dns: [10, 0, 2, 3].into(),
            dhcpstart: [10, 0, 2, 15].into(),
            restrict: false,
            hostname: None,
            domain: None,
            dns_search: Vec::new(),
            tftp_server: None,
            bootfile: None,
            forwards: Vec::new(),
            seed: 0,
        }
    }
}

fn parse<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("Failed to parse {what}"))
}

/// Bits of the network in an address without a mask, by its class.
fn class(net: Ipv4Addr) -> u8 {
    match net.octets() {
        [0..=127, ..] => 8,
        [172, 16..=31, ..] => 12,
        [192, 168, ..] => 16,
        [128..=191, ..] => 16,
        [198, 18..=19, ..] => 15,
        [192..=223, ..] => 24,
        _ => 28,
    }
}

/// `ADDRESS[/BITS|/MASK]`.
fn network(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let (net, mask) = match text.split_once('/') {
        Some((net, mask)) => (net, Some(mask)),
        None => (text, None),
    };
    let net: Ipv4Addr = parse(net, "netmask")?;
    let prefix = match mask {
        None => class(net),
        Some(mask) => match mask.parse::<Ipv4Addr>() {
            Ok(mask) => u32::from(mask).leading_ones() as u8,
            Err(_) => {
                let bits: u32 = parse(mask, "netmask (trailing chars)")?;
                match bits {
                    4..=32 => bits as u8,
                    _ => {
                        let why = "Invalid netmask provided (must be in range 4-32)";
                        return Err(why.into());
                    }
                }
            }
        },
    };
    Ok((net, prefix))
}

/// The two ends of a rule: `[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT`.
///
/// # Errors
/// QEMU's sentence.
pub fn ends(rule: &str, guest: Ipv4Addr) -> Result<Forward, String> {
    let bad = |why| format!("Invalid host forwarding rule '{rule}' ({why})");
    let (kind, rest) = rule.split_once(':').ok_or(bad("No : separators"))?;
    let udp = match kind {
        "" | "tcp" => false,
        "udp" => true,
        _ => return Err(bad("Bad protocol name")),
    };
    let address = |text: &str, default: Ipv4Addr, why| match text {
        "" => Ok(default),
        text => text.parse().map_err(|_| bad(why)),
    };
    let (host, rest) = rest.split_once(':').ok_or(bad("Missing : separator"))?;
    let host = address(host, Ipv4Addr::UNSPECIFIED, "Bad host address")?;
    let (port, rest) = rest.split_once('-').ok_or(bad("Bad host port separator"))?;
    let host_port: u16 = port.parse().map_err(|_| bad("Bad host port"))?;
    let (to, port) = rest.split_once(':').ok_or(bad("Missing guest address"))?;
    let to = address(to, guest, "Bad guest address")?;
    let port = port.parse().ok().filter(|p| *p != 0);
    let port: u16 = port.ok_or(bad("Bad guest port"))?;
    Ok(Forward {
        udp,
        host: SocketAddrV4::new(host, host_port),
        guest: SocketAddrV4::new(to, port),
    })
}

impl Config {
    /// From options in any order; those of lists may come several times.
    ///
    /// # Errors
    /// A sentence for the user: QEMU's where QEMU has one.
    pub fn new<'a>(
        options: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<Config, String> {
        let get = |name: &str| {
            let all = options.clone().into_iter();
            all.filter(|o| o.0 == name).map(|o| o.1).last()
        };
        let all = |name: &str| -> Vec<&str> {
            let all = options.clone().into_iter();
            all.filter(|o| o.0 == name).map(|o| o.1).collect()
        };
        for name in ["tftp", "smb", "smbserver", "guestfwd"] {
            if get(name).is_some() {
                return Err(format!("'{name}' is not supported"));
            }
        }
        if get("ipv4") == Some("off") {
            return Err(match get("ipv6") {
                Some("off") => "IPv4 and IPv6 disabled".into(),
                _ => "a network without IPv4 is not supported".into(),
            });
        }
        let mut c = Config::default();
        if let Some(text) = get("net").or(get("ip")) {
            let (net, prefix) = network(text)?;
            c.prefix = prefix;
            c.net = Ipv4Addr::from(u32::from(net) & u32::from(c.mask()));
        }
        let place = |low: u32| Ipv4Addr::from(u32::from(c.net) | low & !u32::from(c.mask()));
        (c.host, c.dns, c.dhcpstart) = (place(0x0202), place(0x0203), place(0x020f));
        if let Some(text) = get("host") {
            c.host = parse(text, "host")?;
        }
        if !c.holds(c.host) {
            return Err("Host doesn't belong to network".into());
        }
        if let Some(text) = get("dhcpstart") {
            c.dhcpstart = parse(text, "DHCP start address")?;
        }
        if let Some(text) = get("dns") {
            c.dns = parse(text, "DNS")?;
        }
        c.restrict = get("restrict") == Some("on");
        if c.restrict && !c.holds(c.dns) {
            return Err("DNS doesn't belong to network".into());
        }
        if c.dns == c.host {
            return Err("DNS must be different from host".into());
        }
        if !c.holds(c.dhcpstart) {
            return Err("DHCP doesn't belong to network".into());
        }
        if [c.host, c.dns].contains(&c.dhcpstart) {
            return Err("DHCP must be different from host and DNS".into());
        }
        let text = |name: &str| get(name).map(str::to_owned);
        c.hostname = text("hostname").filter(|n| !n.is_empty());
        c.domain = text("domainname").filter(|n| !n.is_empty());
        c.tftp_server = text("tftp-server-name");
        c.bootfile = text("bootfile");
        for (name, most, value) in [
            ("vhostname", 255, &c.hostname),
            ("vdomainname", 255, &c.domain),
            ("tftp-server-name", 255, &c.tftp_server),
            ("bootfile", 127, &c.bootfile),
        ] {
            if value.as_ref().is_some_and(|v| v.len() > most) {
                return Err(format!("'{name}' parameter cannot exceed {most} bytes"));
            }
        }
        c.dns_search = all("dnssearch").into_iter().map(str::to_owned).collect();
        for rule in all("hostfwd") {
            c.forwards.push(ends(rule, c.dhcpstart)?);
        }
        Ok(c)
    }

    /// The mask.
    pub fn mask(&self) -> Ipv4Addr {
        let host_bits = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        Ipv4Addr::from(!host_bits)
    }

    /// Whether an address is the network's.
    pub fn holds(&self, ip: Ipv4Addr) -> bool {
        u32::from(ip) & u32::from(self.mask()) == u32::from(self.net)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wrong options and what `qemu-system-i386 -netdev user,id=a,...` of QEMU 7.2 says of them.
    const REFUSED: &[(&[(&str, &str)], &str)] = &[
        (
            &[("net", "10.0.2.0/33")],
            "Invalid netmask provided (must be in range 4-32)",
        ),
        (
            &[("net", "10.0.2.0/3")],
            "Invalid netmask provided (must be in range 4-32)",
        ),
        (
            &[("net", "10.0.2.0/x")],
            "Failed to parse netmask (trailing chars)",
        ),
        (&[("net", "abc")], "Failed to parse netmask"),
        (
            &[("net", "10.0.2.0/30")],
            "DHCP must be different from host and DNS",
        ),
        (&[("net", "10.0.2.0/32")], "DNS must be different from host"),
        (&[("host", "x")], "Failed to parse host"),
        (&[("host", "1.1.1.1")], "Host doesn't belong to network"),
        (&[("dns", "x")], "Failed to parse DNS"),
        (&[("dns", "10.0.2.2")], "DNS must be different from host"),
        (
            &[("host", "10.0.2.3"), ("dns", "10.0.2.3")],
            "DNS must be different from host",
        ),
        (
            &[("restrict", "on"), ("dns", "1.1.1.1")],
            "DNS doesn't belong to network",
        ),
        (&[("dhcpstart", "x")], "Failed to parse DHCP start address"),
        (
            &[("dhcpstart", "10.0.3.1")],
            "DHCP doesn't belong to network",
        ),
        (
            &[("dhcpstart", "10.0.2.2")],
            "DHCP must be different from host and DNS",
        ),
        (
            &[("dhcpstart", "10.0.2.3")],
            "DHCP must be different from host and DNS",
        ),
        (
            &[("ipv4", "off"), ("ipv6", "off")],
            "IPv4 and IPv6 disabled",
        ),
    ];

    const RULES: &[(&str, &str)] = &[
        ("abc", "No : separators"),
        ("tcp::80", "Bad host port separator"),
        ("xyz::80-:22", "Bad protocol name"),
        ("tcp::80-22", "Missing guest address"),
        ("tcp::x-:22", "Bad host port"),
        ("tcp::70000-:22", "Bad host port"),
        ("tcp:bad.host:5555-:22", "Bad host address"),
        (":8022-:22", "Bad host address"),
        ("tcp:127.0.0.1", "Missing : separator"),
        ("tcp::8022-bad.guest:22", "Bad guest address"),
        ("tcp:127.0.0.1:5555-10.0.2.15:99999", "Bad guest port"),
        ("tcp::22-:0", "Bad guest port"),
        ("udp:127.0.0.1:99-a", "Missing guest address"),
    ];

    #[test]
    fn refusals() {
        for (options, why) in REFUSED {
            let got = Config::new(options.iter().copied());
            assert_eq!(got.unwrap_err(), *why, "{options:?}");
        }
        for (rule, why) in RULES {
            let want = format!("Invalid host forwarding rule '{rule}' ({why})");
            assert_eq!(Config::new([("hostfwd", *rule)]).unwrap_err(), want);
        }
    }

    #[test]
    fn networks() {
        assert_eq!(Config::new([]), Ok(Config::default()));
        // As `info network` of QEMU 7.2 shows them.
        for (net, shown, prefix) in [
            ("192.168.7.9", [192, 168, 0, 0], 16),
            ("10.0.2.0/255.255.255.0", [10, 0, 2, 0], 24),
            ("224.0.0.0", [224, 0, 0, 0], 28),
            ("172.16.5.0", [172, 16, 0, 0], 12),
            ("128.1.2.3", [128, 1, 0, 0], 16),
            ("200.1.2.3", [200, 1, 2, 0], 24),
            ("9.1.2.3", [9, 0, 0, 0], 8),
        ] {
            let c = Config::new([("net", net)]).unwrap();
            assert_eq!((c.net, c.prefix), (shown.into(), prefix), "{net}");
        }
        let c = Config::new([
            ("net", "192.168.7.0/24"),
            ("hostfwd", "tcp:127.0.0.1:8022-:22"),
            ("hostfwd", "udp::53-192.168.7.9:53"),
        ]);
        let c = c.unwrap();
        assert_eq!(c.host, Ipv4Addr::new(192, 168, 7, 2));
        assert_eq!(c.dhcpstart, Ipv4Addr::new(192, 168, 7, 15));
        let ends: Vec<String> = c
            .forwards
            .iter()
            .map(|f| format!("{} {} {}", f.udp, f.host, f.guest))
            .collect();
        assert_eq!(
            ends,
            [
                "false 127.0.0.1:8022 192.168.7.15:22",
                "true 0.0.0.0:53 192.168.7.9:53"
            ]
        );
    }
}
