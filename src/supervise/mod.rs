//! The supervisor's loop.
mod marks;
mod notification;
mod notify;
mod probe;
mod runs;
mod source;
