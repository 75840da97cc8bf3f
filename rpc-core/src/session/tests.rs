//! Two sessions, two queues and a clock that the test turns: see [`pair`].

mod calls;
mod deadlines;
mod hostile;
mod jsonrpc;
mod keep_alive;
mod limits;
mod links;
mod losses;
mod pair;
mod streams;
