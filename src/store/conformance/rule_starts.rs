//! Since when rules judge.

use crate::model::{HOUR, Rule};
use crate::store::Database;

use super::T0;

pub(super) fn a_rule_judges_since_it_was_first_asked_for(b: &mut Database) {
    let rule = Rule::DomainBlocks;
    assert_eq!(b.rule_start(rule, T0 + HOUR).expect("read"), T0 + HOUR);
    assert_eq!(b.rule_start(rule, T0 + 2 * HOUR).expect("read"), T0 + HOUR);
    let other = b.rule_start(Rule::SmtpErrors, T0 + 2 * HOUR);
    assert_eq!(other.expect("read"), T0 + 2 * HOUR);
    b.rewind(T0).expect("rewound");
    assert_eq!(b.rule_start(rule, T0 + HOUR).expect("read"), T0);
}
