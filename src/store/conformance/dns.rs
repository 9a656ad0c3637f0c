//! From which domains mail is sent, and what the DNS holds of them.

use std::collections::BTreeSet;

use crate::model::{BrokenRecord, DAY, DnsRecord, GoodRecord, HOUR, ServerName};
use crate::store::Database;

use super::{T0, shop};

fn domains(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn record(name: &str, is_broken: bool) -> DnsRecord {
    DnsRecord {
        domain: "example.com".to_owned(),
        record: name.to_owned(),
        good: Some(GoodRecord {
            value: "reject".to_owned(),
            strength: 2,
            seen_at: T0,
        }),
        broken: is_broken.then(|| BrokenRecord {
            why: "is gone".to_owned(),
            since: T0 + HOUR,
            confirmed: true,
        }),
        asked_at: T0 + HOUR,
    }
}

pub(super) fn domains_are_those_that_were_seen_of_late(b: &mut Database) {
    let other = ServerName::from("other");
    assert_eq!(b.senders_asked_at(&shop()).expect("read"), None);
    b.save_sending_domains(&shop(), &domains(&["a.example", "b.example"]), T0)
        .expect("saved");
    b.save_sending_domains(&other, &domains(&["a.example"]), T0 + DAY)
        .expect("saved");
    b.save_sending_domains(&shop(), &domains(&[]), T0 + DAY)
        .expect("saved");
    assert_eq!(b.senders_asked_at(&shop()).expect("read"), Some(T0 + DAY));
    let all = b.sending_domains(T0).expect("read");
    assert_eq!(all, domains(&["a.example", "b.example"]));
    let late = b.sending_domains(T0 + HOUR).expect("read");
    assert_eq!(late, domains(&["a.example"]));
    b.rewind(T0 + HOUR).expect("rewound");
    assert_eq!(b.senders_asked_at(&other).expect("read"), None);
    assert_eq!(b.sending_domains(T0 + HOUR).expect("read"), domains(&[]));
}

pub(super) fn senders_go_with_the_name_of_their_server(b: &mut Database) {
    let (old, new) = (shop(), ServerName::from("store"));
    b.save_account_servers(&[(old.clone(), 1)], T0, |_| Vec::new())
        .expect("saved");
    b.save_sending_domains(&old, &domains(&["a.example"]), T0)
        .expect("saved");
    b.save_account_servers(&[(new.clone(), 1)], T0, |_| Vec::new())
        .expect("saved");
    assert_eq!(b.senders_asked_at(&old).expect("read"), None);
    assert_eq!(b.senders_asked_at(&new).expect("read"), Some(T0));
}

pub(super) fn records_come_back_whole_and_a_wrong_clock_keeps_what_was_good(b: &mut Database) {
    let never = DnsRecord {
        good: None,
        ..record("Return-Path", false)
    };
    b.save_dns_records(&[never.clone(), record("DMARC policy", false)], &[])
        .expect("saved");
    let broken = record("DMARC policy", true);
    b.save_dns_records(std::slice::from_ref(&broken), &[])
        .expect("saved");
    assert_eq!(b.dns_records().expect("read"), [broken.clone(), never]);
    b.rewind(T0).expect("rewound");
    let known = b.dns_records().expect("read");
    assert_eq!((known[0].asked_at, &known[0].good), (T0, &broken.good));
    b.prune(T0 + HOUR, T0).expect("pruned");
    assert_eq!(b.dns_records().expect("read"), []);
}
