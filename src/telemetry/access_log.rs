//! Writes the access log from a thread of its own, so that no request waits for a disk.
//! In: records. Out: a line each, of JSON or as a template has it. A log that cannot keep up loses
//! lines, which is counted; it never holds up traffic.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::{AccessLog, LogFormat, Process};

use super::{Record, format};

/// Lines that may wait for the writer.
const QUEUE: usize = 16 * 1024;
/// How long a written line may stay in the buffer.
const FLUSH: Duration = Duration::from_millis(200);

/// The writing thread, and the way to tell it that it is over.
type Writer = (SyncSender<Vec<u8>>, JoinHandle<()>);

/// The way to the log.
pub struct AccessLogWriter {
    /// Taken away when the log closes.
    writer: Mutex<Option<Writer>>,
    sender: Option<SyncSender<Vec<u8>>>,
    format: LogFormat,
}

impl AccessLogWriter {
    /// Opens the log.
    ///
    /// # Errors
    /// Its file cannot be opened for appending.
    pub fn open(process: &Process) -> io::Result<Self> {
        let format = process.access_log_format.clone();
        let out: Box<dyn Write + Send> = match &process.access_log {
            AccessLog::Off => {
                return Ok(Self {
                    writer: Mutex::new(None),
                    sender: None,
                    format,
                });
            }
            AccessLog::Stdout => Box::new(io::stdout()),
            AccessLog::File(path) => {
                Box::new(OpenOptions::new().create(true).append(true).open(path)?)
            }
        };
        let (sender, lines) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_lines(&lines, BufWriter::new(out)))?;
        Ok(Self {
            writer: Mutex::new(Some((sender.clone(), thread))),
            sender: Some(sender),
            format,
        })
    }

    /// Whether lines are made by a template, which may tell what records do not.
    pub fn has_template(&self) -> bool {
        self.sender.is_some() && matches!(self.format, LogFormat::Template(_))
    }

    /// Queues a line; false when it is lost because the queue is full.
    pub fn write(&self, record: &Record<'_>) -> bool {
        let Some(sender) = &self.sender else {
            return true;
        };
        let mut line = Vec::with_capacity(512);
        match (&self.format, record) {
            (LogFormat::Json, record) => {
                if serde_json::to_writer(&mut line, record).is_err() {
                    return false;
                }
            }
            (LogFormat::Template(template), Record::Request(record)) => {
                format::write(&mut line, template, record);
            }
            (LogFormat::Template(template), Record::Refused(record)) => {
                format::write_refused(&mut line, template, record);
            }
            // No template has words for them.
            (LogFormat::Template(_), Record::Handshake(_) | Record::ProxyHeader(_)) => {
                say(record);
                return true;
            }
        }
        line.push(b'\n');
        sender.try_send(line).is_ok()
    }

    /// Waits until what is queued is written.
    pub fn close(&self) {
        let taken = match self.writer.lock() {
            Ok(mut writer) => writer.take(),
            Err(_) => None,
        };
        if let Some((sender, thread)) = taken {
            // An empty line is the end: other senders live as long as the process.
            let _ = sender.send(Vec::new());
            let _ = thread.join();
        }
    }
}

/// Says in the gateway's own log what the access log cannot tell, for those who ask for it: whoever
/// connects could fill it otherwise.
fn say(record: &Record<'_>) {
    if tracing::enabled!(tracing::Level::DEBUG) {
        let event = serde_json::to_string(record).unwrap_or_default();
        tracing::debug!(event, "A connection was turned away.");
    }
}

fn write_lines(lines: &Receiver<Vec<u8>>, mut out: BufWriter<Box<dyn Write + Send>>) {
    let mut dirty = false;
    loop {
        match lines.recv_timeout(FLUSH) {
            Ok(line) if line.is_empty() => break,
            Ok(line) => {
                // A full disk must not stop the gateway; the next lines try again.
                let _ = out.write_all(&line);
                dirty = true;
            }
            Err(RecvTimeoutError::Timeout) if dirty => {
                let _ = out.flush();
                dirty = false;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let _ = out.flush();
}
