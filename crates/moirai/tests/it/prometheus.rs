//! A parser that is not ours reads what is exported.

use std::time::Duration;

use moirai::channel::{ChannelMetrics, MetricsExporter, PrometheusExporter};

const EXPORTED: ChannelMetrics = ChannelMetrics {
    messages_sent: 1 << 50,
    messages_received: 2,
    messages_dropped: 3,
    current_queue_size: 4,
    max_queue_size: 5,
    total_wait_time: Duration::from_millis(1250),
    blocked_senders: 6,
    blocked_receivers: 7,
};

/// Every family once, with its type, before the samples of all channels.
#[test]
fn prometheus_reads_what_was_exported() {
    let mut exporter = PrometheusExporter::new();
    assert_eq!(exporter.text(), "");
    exporter.export_metrics(&ChannelMetrics::default(), "jobs");
    exporter.export_metrics(&EXPORTED, "jobs");
    exporter.export_metrics(&ChannelMetrics::default(), "others ü");
    let text = exporter.text();
    let scrape = prometheus_parse::Scrape::parse(text.lines().map(|line| Ok(line.to_owned())));
    let scrape = scrape.unwrap();
    assert_eq!((scrape.docs.len(), scrape.samples.len()), (8, 16));
    let expected = [
        ("messages_sent_total", (1_u64 << 50) as f64),
        ("messages_received_total", 2.0),
        ("messages_dropped_total", 3.0),
        ("queue_size", 4.0),
        ("queue_size_max", 5.0),
        ("wait_seconds_total", 1.25),
        ("blocked_senders", 6.0),
        ("blocked_receivers", 7.0),
    ];
    for (name, value) in expected {
        let name = format!("moirai_channel_{name}");
        let sample = |channel: &str| {
            let named = |sample: &&prometheus_parse::Sample| {
                sample.metric == name && sample.labels.get("channel") == Some(channel)
            };
            let mut samples = scrape.samples.iter().filter(named);
            let sample = samples.next().unwrap_or_else(|| panic!("{name} {channel}\n{text}"));
            assert!(samples.next().is_none());
            sample.value.clone()
        };
        let typed = |value| match name.ends_with("_total") {
            true => prometheus_parse::Value::Counter(value),
            false => prometheus_parse::Value::Gauge(value),
        };
        assert_eq!(sample("jobs"), typed(value));
        assert_eq!(sample("others ü"), typed(0.0));
        assert_eq!(text.matches(&format!("# HELP {name} ")).count(), 1);
    }
    assert!(text.ends_with('\n'));
}

/// As the format has it: a backslash before a quote and a backslash, and `\n` for the end of a line.
#[test]
fn names_are_escaped() {
    let mut exporter = PrometheusExporter::new();
    exporter.export_metrics(&EXPORTED, "a \"b\"\\\n");
    let sample = r#"moirai_channel_queue_size{channel="a \"b\"\\\n"} 4"#;
    assert!(exporter.text().lines().any(|line| line == sample));
    assert_eq!(exporter.text().lines().count(), 3 * 8);
}
