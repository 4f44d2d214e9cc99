//! A person at a terminal: typing on one end of a pty, with `docker run -it` on the other.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::pty::{Winsize, openpty};

use crate::engine::{Container, PATIENCE, Plan, text};
use crate::wait;

/// ^C.
pub(crate) const INTERRUPT: &str = "\x03";
/// ^Z.
pub(crate) const SUSPEND: &str = "\x1a";

/// A terminal, and the container that runs in it.
pub(crate) struct Terminal {
    keys: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// Up to here the person has read.
    read: usize,
    client: Child,
    container: Container,
}

impl Terminal {
    /// `docker run -it …`
    pub(crate) fn run(plan: Plan) -> Self {
        let size = Winsize {
            ws_row: 50,
            ws_col: 200,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).unwrap();
        let plan = plan.option("--interactive").option("--tty");
        let client = Command::new("docker")
            .args(plan.words())
            .stdin(Stdio::from(pty.slave.try_clone().unwrap()))
            .stdout(Stdio::from(pty.slave.try_clone().unwrap()))
            .stderr(Stdio::from(pty.slave))
            .spawn()
            .unwrap();
        let keys = File::from(pty.master);
        let screen = Arc::default();
        read_on(keys.try_clone().unwrap(), Arc::clone(&screen));
        Self {
            keys,
            screen,
            read: 0,
            client,
            container: plan.into_container(),
        }
    }

    /// The container behind it.
    pub(crate) fn container(&self) -> &Container {
        &self.container
    }

    /// Types this as it is.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line and Enter.
    pub(crate) fn enter(&mut self, line: &str) {
        self.press(line);
        self.press("\r");
    }

    /// Waits until this is on the screen, after what was waited for before; returns
    /// what came up to it.
    pub(crate) fn wait_for(&mut self, wanted: &str) -> String {
        let found = wait::until(PATIENCE, || {
            let screen = self.screen.lock().unwrap();
            let news = &screen[self.read..];
            news.windows(wanted.len())
                .position(|window| window == wanted.as_bytes())
                .map(|at| (text(&news[..at]), self.read + at + wanted.len()))
        });
        let Some((before, read)) = found else {
            panic!("waited {PATIENCE:?} in vain for {wanted:?} on the screen");
        };
        self.read = read;
        before
    }

    /// Waits until docker's client has left, and returns its exit code.
    pub(crate) fn end(mut self) -> i32 {
        let status = wait::until(PATIENCE, || self.client.try_wait().unwrap());
        let status = status.expect("docker's client should have left");
        status.code().expect("docker's client was killed")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.client.kill());
        drop(self.client.wait());
        if std::thread::panicking() {
            let screen = self.screen.lock().unwrap();
            eprintln!("---- the screen:\n{}\n----", text(&screen));
        }
    }
}

/// Puts on the screen what comes, until the last program behind the terminal has gone.
fn read_on(mut master: File, screen: Arc<Mutex<Vec<u8>>>) {
    std::thread::spawn(move || {
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = master.read(&mut some) {
            screen.lock().unwrap().extend_from_slice(&some[..count]);
        }
    });
}
