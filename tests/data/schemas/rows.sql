-- What each schema brought, as rows in the form of its time: a database of schema N, as the tests build it, holds the rows of every
-- section up to N, each written when its schema was the newest. Numbers that the engine draws are looked up, so that the statements
-- fit both engines; a blob is X'…'. PostgreSQL begins with schema 4.

-- schema 1
INSERT INTO servers (name, first_start_at, last_cycle_at, last_complete_at) VALUES ('shop', 1772528400000, 1772542800000, 1772542800000);
INSERT INTO polls (server, at, requests, complete) VALUES ('shop', 1772542800000, 12, 1);
INSERT INTO streams (server, id, watched, oldest_sent_at) VALUES ('shop', 'outbound', 1, 1772510400033);
INSERT INTO coverage SELECT key, 'messages', 1772510400033, 1772542800000 FROM streams WHERE server = 'shop';
INSERT INTO coverage SELECT key, 'bounces', 1772510400033, 1772542800000 FROM streams WHERE server = 'shop';
INSERT INTO tags (name) VALUES ('receipt');
INSERT INTO messages (stream, id, sent_at, queued, tag)
    SELECT s.key, X'0BEFF82A1B804090850BF9B6A8EF4A38', 1772539939325, 0, t.key FROM streams s, tags t WHERE s.server = 'shop';
INSERT INTO minutes (stream, at, sent, last_at) SELECT key, 1772539920000, 1, 1772539939325 FROM streams WHERE server = 'shop';
INSERT INTO hours (stream, at, sent, first_at, last_at) SELECT key, 1772539200000, 1, 1772539939325, 1772539939325 FROM streams WHERE server = 'shop';
INSERT INTO bounces (stream, id, message, type, class, at, sent_at, recipient, description)
    SELECT key, 723626746, X'0BEFF82A1B804090850BF9B6A8EF4A38', 'HardBounce', 'hard', 1772539946000, 1772539939325, 'gone@example.com', 'unknown user'
    FROM streams WHERE server = 'shop';
INSERT INTO followed (stream, message, sent_at, checked_at, delivered_at, bounced_at, open, queued, recipient)
    SELECT key, X'0BEFF82A1B804090850BF9B6A8EF4A38', 1772539939325, 1772542800000, NULL, 1772539946000, 0, 0, 'gone@example.com' FROM streams WHERE server = 'shop';
INSERT INTO incidents (id, server, stream, rule, open, opened_at, body) VALUES ('jbeqp4ec', 'shop', 'outbound', 'bounce_rate', 1, 1772539200000,
    '{"id":"jbeqp4ec","server":"shop","stream":"outbound","rule":"bounce_rate","severity":"warn","opened_at":1772539200000,"state":{"open":{"within_since":null}},"judged_at":1772542800000,"told":true,"quiet_until":null,"reminded_at":1772539200000,"last_event_at":null,"events":0,"evidence":{"rate":{"window":{"secs":3600,"nanos":0},"covered":{"secs":3600,"nanos":0},"numerator":2,"denominator":56,"floor":10,"threshold":0.01,"interval":[0.004,0.123],"classes":[["hard",2]],"domains":[["example.com",2]],"last_sent":1772542598070,"last_delivered":1772541776000}}}');
INSERT INTO transitions (at, incident, step, told, text, body) VALUES (1772539200000, 'jbeqp4ec', 'opened', 1, 'bounce rate 3.12%',
    '{"id":"jbeqp4ec","server":"shop","stream":"outbound","rule":"bounce_rate","severity":"warn","opened_at":1772539200000,"state":{"open":{"within_since":null}},"judged_at":1772539200000,"told":true,"quiet_until":null,"reminded_at":1772539200000,"last_event_at":null,"events":0,"evidence":{"rate":{"window":{"secs":3600,"nanos":0},"covered":{"secs":3600,"nanos":0},"numerator":2,"denominator":64,"floor":10,"threshold":0.01,"interval":[0.004,0.108],"classes":[["hard",2]],"domains":[["example.com",2]],"last_sent":1772539119000,"last_delivered":1772539119000}}}');
INSERT INTO outbox (created_at, kind, incident, channel, text, body, state, attempts, claimed_at, sent_at, sent_channel, sent_ts)
    VALUES (1772539200000, 'alert', 'jbeqp4ec', '', 'accepted', '{}', 'sent', 1, 1772539201000, 1772539202000, 'C0OPERATORS', '1772539202.000001');
INSERT INTO outbox (created_at, kind, incident, channel, text, body, state, attempts, claimed_at)
    VALUES (1772542800000, 'alert', 'jbeqp4ec', '', 'in the air', '{}', 'sending', 1, 1772542801000);
INSERT INTO attempts (outbox, at, outcome) SELECT seq, 1772539201000, 'accepted' FROM outbox WHERE text = 'accepted';
INSERT INTO digests VALUES (1772528400000, 1772442000000, 1);

-- schema 4
INSERT INTO servers (name, first_start_at, last_cycle_at, last_complete_at, account_id) VALUES ('depot', 1772528400000, 1772542800000, 1772542800000, 42);
INSERT INTO polls (server, at, requests, complete) VALUES ('depot', 1772542800000, 9, 1);
INSERT INTO streams (server, id, watched, oldest_sent_at) VALUES ('depot', 'outbound', 1, 1772510400033);
INSERT INTO coverage SELECT key, 'messages', 1772510400033, 1772542800000 FROM streams WHERE server = 'depot';
INSERT INTO coverage SELECT key, 'bounces', 1772510400033, 1772542800000 FROM streams WHERE server = 'depot';
INSERT INTO tags (name) VALUES ('welcome');
INSERT INTO messages (stream, id, sent_at, queued, tag)
    SELECT s.key, X'72293490EC0549FF8372350C5F8F34A9', 1772539939325, 0, t.key FROM streams s, tags t WHERE s.server = 'depot' AND t.name = 'welcome';
INSERT INTO minutes (stream, tag, at, sent, last_at) SELECT key, 0, 1772539920000, 1, 1772539939325 FROM streams WHERE server = 'depot';
INSERT INTO hours (stream, tag, at, sent, first_at, last_at) SELECT key, 0, 1772539200000, 1, 1772539939325, 1772539939325 FROM streams WHERE server = 'depot';
INSERT INTO incidents (id, server, stream, tag, rule, open, opened_at, body) VALUES ('59gq43tt', 'depot', 'outbound', '', 'bounce_rate', 1, 1772542800000,
    '{"id":"59gq43tt","server":"depot","stream":"outbound","tag":null,"rule":"bounce_rate","severity":"warn","opened_at":1772542800000,"state":{"open":{"within_since":null}},"judged_at":1772542800000,"told":true,"quiet_until":null,"reminded_at":1772542800000,"last_event_at":null,"events":0,"evidence":{"rate":{"window":{"secs":3600,"nanos":0},"covered":{"secs":3600,"nanos":0},"numerator":4,"denominator":56,"floor":10,"threshold":0.01,"interval":[0.0198,0.1729],"classes":[["hard",4]],"domains":[["example.net",4]],"last_sent":1772542637000,"last_delivered":1772542547000}}}');
INSERT INTO transitions (at, incident, step, told, text, body, recorded_at) SELECT opened_at, id, 'opened', 1, 'bounce rate 7.14%', body, opened_at FROM incidents WHERE id = '59gq43tt';
INSERT INTO outbox (created_at, kind, incident, channel, text, body, state, attempts, key)
    VALUES (1772542800000, 'alert', '59gq43tt', '', 'waits', '{}', 'pending', 1, 'ee75936e88733ba346e6ed4ab02cf087');
INSERT INTO outbox (created_at, kind, incident, channel, text, body, state, key)
    VALUES (1772542800000, 'catch_up', NULL, '', 'of several: 59gq43tt', '{}', 'pending', 'ee75936e88733ba346e6ed4ab02cf088');
INSERT INTO attempts (outbox, at, outcome, unknown) SELECT seq, 1772542801000, 'cannot post to Slack', 0 FROM outbox WHERE text = 'waits';
INSERT INTO notes (at, server, text) VALUES (1772542800000, 'depot', 'depot is watched from now on');

-- schema 5
INSERT INTO leases VALUES ('server depot', 'process 1', 5, 0);

-- schema 6
INSERT INTO counted SELECT key, 0, 1772500000000, 1772503600000, 1234, NULL FROM streams WHERE server = 'depot';

-- schema 7
INSERT INTO mutes (server, rule, from_at, until_at, reason, set_by) VALUES ('depot', 'spam_rate', 1772541000000, 1773145800000, 'a known list', 'ops');

-- schema 8
INSERT INTO checks SELECT key, 'ops@example.com', 1772528400000, NULL, NULL FROM streams WHERE server = 'depot';

-- schema 9
INSERT INTO incidents (id, server, stream, tag, rule, open, opened_at, body, withheld) SELECT 'w1thhe1d', server, stream, tag, 'spam_rate', 1, opened_at,
    replace(replace(body, '"id":"59gq43tt"', '"id":"w1thhe1d","withheld":true'), '"rule":"bounce_rate"', '"rule":"spam_rate"'), 1 FROM incidents WHERE id = '59gq43tt';

-- schema 10
INSERT INTO outbox (created_at, kind, incident, channel, text, body, state, key)
    VALUES (1772542800000, 'alert', NULL, '', 'of two', '{}', 'pending', 'ee75936e88733ba346e6ed4ab02cf089');
INSERT INTO outbox_incidents SELECT seq, '59gq43tt' FROM outbox WHERE text = 'of two';
INSERT INTO outbox_incidents SELECT seq, 'w1thhe1d' FROM outbox WHERE text = 'of two';

-- schema 12
INSERT INTO servers (name, first_start_at, last_cycle_at, last_complete_at, number, sandbox) VALUES ('studio', 1772528400000, 1772542800000, 1772542800000, 4711, 0);

-- schema 13
INSERT INTO messages (stream, id, sent_at, queued, recipients) SELECT key, X'5453097ABCBB489A8F5408E60F7FFFC5', 1772540939325, 0, 3 FROM streams WHERE server = 'depot';
INSERT INTO minutes (stream, tag, at, sent, last_at, recipients) SELECT key, 0, 1772540880000, 1, 1772540939325, 3 FROM streams WHERE server = 'depot';

-- schema 14
INSERT INTO feedback VALUES ('59gq43tt', 'false_alarm', 'ops', 1772600000000);

-- schema 15
INSERT INTO outbox (created_at, kind, incident, channel, text, body, state, sent_at, sent_channel, sent_ts, key, top, broadcast, mention)
    VALUES (1772542800000, 'alert', '59gq43tt', '', 'opens a thread', '{}', 'sent', 1772542802000, 'C0OPERATORS', '1772542802.000001', 'ee75936e88733ba346e6ed4ab02cf08a', '', 0, '');
UPDATE outbox SET thread = seq WHERE text = 'opens a thread';

-- schema 16
INSERT INTO reactions SELECT seq, 1772600000000, '{}' FROM outbox WHERE text = 'opens a thread';

-- schema 17
INSERT INTO mutes (server, rule, from_at, until_at, reason, set_by, incident, planned) VALUES ('', '', 1773000000000, 1773003600000, 'database move', 'ops', NULL, 1);

-- schema 18
INSERT INTO canary VALUES (1772600000000, '21895802-5d50-442b-b039-27cf5b462c54', 'delivered', NULL, 1772600009000);

-- schema 19
INSERT INTO reported_tokens VALUES ('studio', 1772600000000);

-- schema 20
INSERT INTO smtp_errors VALUES ('studio', 1772514000000, 12, 340, 1772600000000, 1772600000000);
INSERT INTO rule_starts VALUES ('domain_blocks', 1772600000000);

-- schema 21
INSERT INTO sending_domains VALUES ('studio', 'example.com', 1772600000000);
INSERT INTO senders_asked VALUES ('studio', 1772600000000);
INSERT INTO dns_records VALUES ('example.com', 'DMARC policy', 'reject', 2, 1772600000000, NULL, NULL, NULL, 1772600000000);

-- schema 22
INSERT INTO learned VALUES ('studio', 'outbound', '', 1772600000000, X'00112233445566778899aabbccddeeff', X'0102ff00');

-- schema 23
INSERT INTO messages (stream, sent_at, id, tag, recipients) SELECT key, 1772540939999, X'0C53097ABCBB489A8F5408E60F7FFFC5', NULL, 1 FROM streams WHERE server = 'depot';

-- schema 24
UPDATE servers SET streams_listed_at = 1772600000000, streams_listed_for = '00ff' WHERE name = 'studio';

-- schema 25
INSERT INTO packed_hours SELECT key, 0, 1771459200000, X'00112233445566778899aabbccddeeff', X'00ff' FROM streams WHERE server = 'depot';

-- schema 26
UPDATE streams SET judged_from = 1772600000000 WHERE server = 'depot';

-- schema 27
INSERT INTO packed_samples SELECT key, 1771459200000, X'00112233445566778899aabbccddeeff', X'00ff' FROM streams WHERE server = 'depot';
INSERT INTO learned_deliveries VALUES ('studio', 'outbound', 1772600000000, X'00112233445566778899aabbccddeeff', X'0102ff00');
