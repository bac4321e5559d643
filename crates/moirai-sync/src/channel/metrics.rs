//! What a channel has done, and how others read it. Knows no channel.

use std::fmt::Write as _;
use std::time::Duration;

/// What a channel has done since it was made, or since its metrics were last
/// [reset](super::Sender::reset_metrics); from [`Sender::metrics`](super::Sender::metrics).
///
/// Sent, received and queued are what the ends of the channel's queue say, whenever they are asked for; so
/// of all this a message that does not wait costs one comparison, for
/// [`max_queue_size`](Self::max_queue_size).
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::ChannelBuilder;
///
/// let (sender, receiver) = ChannelBuilder::new().bounded(8).enable_metrics().build()?;
/// (0..5).for_each(|i| sender.send(i).unwrap());
/// receiver.recv().unwrap();
/// let metrics = sender.metrics().unwrap();
/// assert_eq!((metrics.messages_sent, metrics.messages_received), (5, 1));
/// assert_eq!((metrics.current_queue_size, metrics.max_queue_size), (4, 5));
/// # Ok::<(), moirai_sync::channel::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelMetrics {
    /// Messages that went into the channel.
    pub messages_sent: u64,
    /// Messages that came out of it, to somebody.
    pub messages_received: u64,
    /// Messages that nobody gets: those that the channel's strategy has dropped, before they went in or
    /// after, and those that the last receiver has left.
    pub messages_dropped: u64,
    /// Messages that are queued now.
    pub current_queue_size: usize,
    /// The most that have been queued, as each send sees it: it may be short of those that were received
    /// in the moment of a send.
    pub max_queue_size: usize,
    /// For how long sends and receives have waited, added up, but for the microseconds for which a
    /// thread spins first, and for futures that were dropped; a wait counts once it ends. Zero unless the
    /// channel was made with
    /// [`enable_latency_tracking`](super::ChannelBuilder::enable_latency_tracking).
    pub total_wait_time: Duration,
    /// How many wait for a place now.
    pub blocked_senders: usize,
    /// How many wait for a message now.
    pub blocked_receivers: usize,
}

/// Who passes metrics on. A closure is one, too.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{ChannelMetrics, MetricsExporter};
///
/// let mut queued = 0;
/// let mut exporter = |metrics: &ChannelMetrics, _: &str| queued += metrics.current_queue_size;
/// exporter.export_metrics(&ChannelMetrics { current_queue_size: 2, ..Default::default() }, "jobs");
/// assert_eq!(queued, 2);
/// ```
pub trait MetricsExporter {
    /// Takes the metrics of the channel `name`.
    fn export_metrics(&mut self, metrics: &ChannelMetrics, name: &str);
}

impl<F: FnMut(&ChannelMetrics, &str)> MetricsExporter for F {
    fn export_metrics(&mut self, metrics: &ChannelMetrics, name: &str) {
        self(metrics, name);
    }
}

/// Writes metrics as Prometheus reads them: version 0.0.4 of its text format, whose content type is
/// [`CONTENT_TYPE`](Self::CONTENT_TYPE).
///
/// One family for each field, with a sample for each channel, whose name is the label `channel`. Times
/// are in seconds. A channel that is exported again replaces what was there of that name.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{ChannelBuilder, MetricsExporter, PrometheusExporter};
///
/// let (sender, _receiver) = ChannelBuilder::new().enable_metrics().build()?;
/// sender.send(1).unwrap();
/// let mut exporter = PrometheusExporter::new();
/// exporter.export_metrics(&sender.metrics().unwrap(), "jobs");
/// let text = exporter.text();
/// assert!(text.contains("\nmoirai_channel_messages_sent_total{channel=\"jobs\"} 1\n"));
/// # Ok::<(), moirai_sync::channel::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PrometheusExporter {
    channels: Vec<(String, ChannelMetrics)>,
}

impl PrometheusExporter {
    /// The content type of [`text`](Self::text).
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// An exporter without a channel.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was exported, in the order in which the channels came; empty if none did.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.channels.is_empty() {
            return text;
        }
        for Family { name, kind, help, value } in FAMILIES {
            // Writing into a string does not fail.
            let _ = write!(text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}\n");
            for (channel, metrics) in &self.channels {
                let _ = write!(text, "{PREFIX}{name}{{channel=\"");
                escape(channel, &mut text);
                let _ = writeln!(text, "\"}} {}", value(metrics));
            }
        }
        text
    }
}

impl MetricsExporter for PrometheusExporter {
    fn export_metrics(&mut self, metrics: &ChannelMetrics, name: &str) {
        match self.channels.iter_mut().find(|(channel, _)| channel == name) {
            Some((_, old)) => old.clone_from(metrics),
            None => self.channels.push((name.to_owned(), metrics.clone())),
        }
    }
}

/// Writes the value of a label.
fn escape(value: &str, text: &mut String) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str(r"\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str(r"\n"),
            letter => text.push(letter),
        }
    }
}

/// A field of the metrics.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&ChannelMetrics) -> f64,
}

const PREFIX: &str = "moirai_channel_";

const FAMILIES: [Family; 8] = [
    Family {
        name: "messages_sent_total",
        kind: "counter",
        help: "Messages that went into the channel.",
        value: |metrics| metrics.messages_sent as f64,
    },
    Family {
        name: "messages_received_total",
        kind: "counter",
        help: "Messages that came out of the channel.",
        value: |metrics| metrics.messages_received as f64,
    },
    Family {
        name: "messages_dropped_total",
        kind: "counter",
        help: "Messages that nobody gets.",
        value: |metrics| metrics.messages_dropped as f64,
    },
    Family {
        name: "queue_size",
        kind: "gauge",
        help: "Messages that are queued.",
        value: |metrics| metrics.current_queue_size as f64,
    },
    Family {
        name: "queue_size_max",
        kind: "gauge",
        help: "The most messages that have been queued.",
        value: |metrics| metrics.max_queue_size as f64,
    },
    Family {
        name: "wait_seconds_total",
        kind: "counter",
        help: "For how long sends and receives have waited, added up.",
        value: |metrics| metrics.total_wait_time.as_secs_f64(),
    },
    Family {
        name: "blocked_senders",
        kind: "gauge",
        help: "Senders that wait for a place.",
        value: |metrics| metrics.blocked_senders as f64,
    },
    Family {
        name: "blocked_receivers",
        kind: "gauge",
        help: "Receivers that wait for a message.",
        value: |metrics| metrics.blocked_receivers as f64,
    },
];
