//! Two sessions, two queues and a clock that the test turns: see [`pair`].

mod calls;
mod deadlines;
mod hostile;
mod keep_alive;
mod limits;
mod links;
mod losses;
mod pair;
