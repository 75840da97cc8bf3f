//! Every message there is, for property tests.

use std::time::Duration;

use proptest::{collection, option, prelude::*};
use serde_json::Value;

use crate::{
    Code, Codec, Error, Failure, Goaway, Hashes, Hello, Limits, Message, Payload, Publication, Request,
    RequestHead, RequestId, Resume, ValueHead, Welcome,
};

pub(super) fn message(codec: Codec) -> impl Strategy<Value = Message> {
    prop_oneof![
        hello().prop_map(|hello| Message::Hello(Box::new(hello))),
        welcome().prop_map(|welcome| Message::Welcome(Box::new(welcome))),
        request(codec).prop_map(Message::Request),
        answer(codec),
        (id(), value_head(), payload(codec)).prop_map(|(id, head, value)| Message::Item { id, head, value }),
        id().prop_map(Message::Cancel),
        (id(), number(), number()).prop_map(|(id, items, bytes)| Message::Credit { id, items, bytes }),
        (collection::vec((number(), number()), 0..4), collection::vec(id(), 0..4))
            .prop_map(|(caps, kept)| Message::Release { caps, kept }),
        (number(), error()).prop_map(|(cap, error)| Message::Broken { cap, error }),
        (text(), text(), number(), text(), payload(codec)).prop_map(
            |(channel, epoch, offset, method, value)| {
                Message::Publication(Box::new(Publication { channel, epoch, offset, method, value }))
            }
        ),
        (text(), text(), number(), number()).prop_map(|(channel, epoch, offset, missed)| Message::Position {
            channel,
            epoch,
            offset,
            missed
        }),
        number().prop_map(Message::Ack),
        number().prop_map(Message::Ping),
        number().prop_map(Message::Pong),
        (text(), number(), number(), any::<bool>()).prop_map(|(reason, after_ms, grace_ms, is_final)| {
            Message::Goaway(Box::new(Goaway { reason, after_ms, grace_ms, is_final }))
        }),
    ]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..300, 0_u64..1 << 53]
}

fn id() -> impl Strategy<Value = RequestId> {
    (1_u64..1 << 53).prop_map(RequestId)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z.]{0,12}", 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9_f64..1e9).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn payload(codec: Codec) -> impl Strategy<Value = Payload> {
    value().prop_map(move |value| Payload::encode(codec, &value).unwrap())
}

fn hello() -> impl Strategy<Value = Hello> {
    let resume =
        (text(), text(), number()).prop_map(|(session, token, taken)| Resume { session, token, taken });
    let parts = (
        text(),
        option::of(text()),
        option::of(text()),
        option::of(resume),
        any::<bool>(),
        limits(),
        hashes(),
    );
    parts.prop_map(|(client, uid, token, resume, js, limits, services)| Hello {
        v: 1,
        client,
        uid,
        token,
        resume,
        js: js.then_some(1),
        limits,
        services,
    })
}

fn hashes() -> impl Strategy<Value = Hashes> {
    collection::btree_map(text(), text(), 0..3)
}

fn limits() -> impl Strategy<Value = Limits> {
    any::<[u32; 5]>().prop_map(|[packet, in_flight, streams, stream_items, stream_bytes]| Limits {
        packet,
        in_flight,
        streams,
        stream_items,
        stream_bytes,
    })
}

fn welcome() -> impl Strategy<Value = Welcome> {
    let session = (text(), option::of(text()), any::<bool>(), number(), text());
    let times = (number(), number(), number(), option::of(number()));
    (session, times, limits(), hashes()).prop_map(
        |(
            (session, user, resumed, taken, token),
            (resume_ms, ping_ms, spread_ms, expires_ms),
            limits,
            services,
        )| {
            Welcome {
                v: 1,
                session,
                user,
                resumed,
                taken,
                token,
                resume_ms,
                ping_ms,
                spread_ms,
                expires_ms,
                limits,
                services,
            }
        },
    )
}

fn request(codec: Codec) -> impl Strategy<Value = Request> {
    (option::of(id()), text(), option::of(request_head()), payload(codec)).prop_map(
        |(id, method, head, params)| {
            let head = head.filter(|head| *head != RequestHead::default()).map(Box::new);
            Request::new(id, &method, head, &params)
        },
    )
}

fn request_head() -> impl Strategy<Value = RequestHead> {
    let list = || collection::vec(value(), 0..3);
    let meta = collection::btree_map(text(), value(), 0..3);
    let first = (option::of(number()), meta, option::of(number()), option::of(list()), any::<bool>());
    let second = (list(), list(), list(), option::of(text()));
    (first, second).prop_map(
        |((timeout, meta, capability, promise, keep), (caps, streams, refs, idempotency))| RequestHead {
            timeout: timeout.map(Duration::from_millis),
            meta: meta.into_iter().collect(),
            capability,
            promise,
            keep,
            caps,
            streams,
            refs,
            idempotency,
            unknown: None,
        },
    )
}

fn value_head() -> impl Strategy<Value = Option<Box<ValueHead>>> {
    let list = || collection::vec(value(), 0..3);
    (list(), list(), option::of(list())).prop_map(|(caps, streams, position)| {
        let head = ValueHead { caps, streams, position, unknown: None };
        Some(head).filter(|head| *head != ValueHead::default()).map(Box::new)
    })
}

fn answer(codec: Codec) -> impl Strategy<Value = Message> {
    prop_oneof![
        (id(), value_head(), payload(codec)).prop_map(|(id, head, value)| Message::Answer {
            id,
            head,
            outcome: Ok(value)
        }),
        (id(), value_head(), payload(codec)).prop_map(|(id, head, value)| Message::Answer {
            id,
            head,
            outcome: Err(Failure::App(value))
        }),
        (id(), error()).prop_map(|(id, error)| Message::Answer {
            id,
            head: None,
            outcome: Err(Failure::Rpc(error))
        }),
    ]
}

fn error() -> impl Strategy<Value = Error> {
    let code = prop::sample::select(vec![
        Code::Cancelled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ]);
    let parts = (code, text(), option::of(number()), option::of(text()), any::<bool>());
    parts.prop_map(|(code, message, retry, reference, executed)| {
        let mut error = Error::new(code, message);
        if let Some(retry) = retry {
            error = error.with_retry_after(Duration::from_millis(retry));
        }
        if let Some(reference) = reference {
            error = error.with_reference(reference);
        }
        if executed { error.after_execution() } else { error }
    })
}
