//! What was learned of the mail of a server.

use std::collections::BTreeMap;

use crate::model::{DAY, HOUR, Learned, LearnedKey, Series, ServerName, StreamId, Tag};
use crate::store::Database;

use super::{T0, shop};

fn learned(of: &[(Series, u8)]) -> BTreeMap<Series, Learned> {
    let of = of.iter().map(|(series, number)| {
        let learned = Learned {
            key: LearnedKey::from_digest(&[*number; 32]),
            value: vec![*number, 0, 0xff],
        };
        (series.clone(), learned)
    });
    of.collect()
}

fn stream() -> Series {
    Series::new(&StreamId::from("outbound"), None)
}

fn delivery() -> Series {
    Series::delivery(&StreamId::from("outbound"))
}

fn tag() -> Series {
    Series::new(
        &StreamId::from("outbound"),
        Some(&Tag("quittung \u{2709}".to_owned())),
    )
}

pub(super) fn what_was_learned_comes_back_and_is_replaced_by_series(b: &mut Database) {
    assert_eq!(b.learned(&shop()).expect("read"), BTreeMap::new());
    let all = ServerName::from(ServerName::ALL_SERVERS);
    let first = learned(&[
        (stream(), 1),
        (tag(), 2),
        (Series::TOGETHER, 3),
        (delivery(), 6),
    ]);
    b.save_learned(&shop(), &first, T0).expect("saved");
    let of_all = learned(&[(Series::TOGETHER, 4)]);
    b.save_learned(&all, &of_all, T0).expect("saved");
    assert_eq!(b.learned(&shop()).expect("read"), first);
    let again = learned(&[(tag(), 5), (delivery(), 7)]);
    b.save_learned(&shop(), &again, T0 + HOUR).expect("saved");
    let known = learned(&[
        (stream(), 1),
        (tag(), 5),
        (Series::TOGETHER, 3),
        (delivery(), 7),
    ]);
    assert_eq!(b.learned(&shop()).expect("read"), known);
    assert_eq!(b.learned(&all).expect("read"), of_all);
}

pub(super) fn what_was_learned_goes_with_the_name_of_its_server(b: &mut Database) {
    let (old, new) = (shop(), ServerName::from("store"));
    b.save_account_servers(&[(old.clone(), 1)], T0, |_| Vec::new())
        .expect("saved");
    let known = learned(&[(stream(), 1), (Series::TOGETHER, 2), (delivery(), 3)]);
    b.save_learned(&old, &known, T0).expect("saved");
    b.save_learned(
        &new,
        &learned(&[(stream(), 7), (tag(), 8), (delivery(), 9)]),
        T0,
    )
    .expect("saved");
    b.save_account_servers(&[(new.clone(), 1)], T0, |_| Vec::new())
        .expect("saved");
    assert_eq!(b.learned(&old).expect("read"), BTreeMap::new());
    assert_eq!(b.learned(&new).expect("read"), known);
}

pub(super) fn what_was_learned_may_be_lost(b: &mut Database) {
    let of_stream = |number| learned(&[(stream(), number), (delivery(), number)]);
    b.save_learned(&shop(), &of_stream(1), T0).expect("saved");
    b.save_learned(&shop(), &learned(&[(tag(), 2)]), T0 + DAY * 2)
        .expect("saved");
    b.prune(T0 + DAY, T0).expect("pruned");
    assert_eq!(b.learned(&shop()).expect("read"), learned(&[(tag(), 2)]));
    b.rewind(T0 + DAY).expect("rewound");
    assert_eq!(b.learned(&shop()).expect("read"), BTreeMap::new());
    b.save_learned(&shop(), &of_stream(3), T0 + DAY * 2)
        .expect("saved");
    b.rewind(T0 + DAY).expect("rewound");
    assert_eq!(b.learned(&shop()).expect("read"), BTreeMap::new());
}
