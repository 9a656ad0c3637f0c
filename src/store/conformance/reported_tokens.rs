//! What Sentry knows of tokens.

use crate::model::ServerName;
use crate::store::Database;

use super::T0;

pub(super) fn an_outage_is_known_until_it_is_over(b: &mut Database) {
    let (shop, blog) = (ServerName::from("shop"), ServerName::from("blog"));
    assert_eq!(b.reported_tokens().expect("read"), []);
    for server in [&shop, &blog, &shop] {
        b.save_reported_token(server, T0).expect("stored");
    }
    assert_eq!(
        b.reported_tokens().expect("read"),
        [blog.clone(), shop.clone()]
    );
    b.forget_reported_token(&shop).expect("stored");
    assert_eq!(b.reported_tokens().expect("read"), [blog]);
    b.forget_reported_token(&shop)
        .expect("of one that is not known");
}
