//! What TypeScript lets one send is what the service reads.

use super::*;

case! { required,
    #[data(input)]
    pub struct Query { #[ts(optional)] #[data(nullable)] cursor: Option<u8>, #[ts(as = "Option<_>", optional)] limit: u8 }

    #[service]
    pub trait Queries { async fn run(&self, query: Query); }
}

case! { defaulted,
    #[data(input)]
    pub struct Query { #[serde(default)] limit: u8 }

    #[service]
    pub trait Queries { async fn run(&self, query: Query) -> u8; async fn last(&self) -> Query; }
}

#[test]
fn a_field_that_has_to_be_there_is_not_optional() {
    refused::<required::QueriesClient>(
        "`here::Query`, field `limit`: TypeScript lets one leave it out, but it has to be there; let serde do without with \
         `#[serde(default)]`, or remove `#[ts(optional)]`",
    );
    has::<defaulted::QueriesClient>("limit?: number;");
}

case! { unread,
    #[data]
    pub struct Order { #[serde(skip_deserializing)] id: u8, text: String }

    #[service]
    pub trait Orders { async fn put(&self, order: Order); }
}

case! { strict,
    #[data]
    #[serde(deny_unknown_fields)]
    pub struct Order { #[serde(rename(deserialize = "amount"))] count: Option<u8> }

    #[service]
    pub trait Orders { async fn put(&self, order: Order); }
}

case! { null,
    #[data]
    pub struct Order { #[ts(type = "number | null")] count: u8 }

    #[service]
    pub trait Orders { async fn put(&self, order: Vec<Order>); }
}

#[test]
fn what_is_not_read_cannot_be_sent() {
    refused::<unread::OrdersClient>(
        "`here::Order`, field `id`: TypeScript asks for it, but it is not read; hide it with `#[ts(skip)]`, or let serde \
         read it under that name",
    );
    refused::<strict::OrdersClient>(
        "`here::Order`, field `count`: TypeScript asks for it, but it is not read; hide it with `#[ts(skip)]`, or let serde \
         read it under that name",
    );
    refused::<null::OrdersClient>(
        "`here::Order`, field `count`: TypeScript says `number | null`, but `null` is not read; say what is on the wire \
         with `#[data(as = …)]` or `#[ts(type = \"…\")]`",
    );
}
