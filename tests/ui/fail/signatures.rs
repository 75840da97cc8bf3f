use trunkline::service;

#[service]
trait Chat {
    async fn say<T: Into<String>>(&self, text: T);
    fn borrow<'a>(&self) -> u8;
    async fn bounded(&self)
    where
        Self: Clone;
    const fn constant(&self) -> u8;
    unsafe fn raw(&self) -> u8;
    extern "C" fn foreign(&self) -> u8;
    fn endless(&self, first: u8, _: ...) -> u8;
}

fn main() {}
