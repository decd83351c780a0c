//! Bar charts in SVG: groups of bars, one colour for each series.

use std::fmt::Write as _;

/// A chart.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What stands under each group of bars.
    pub(crate) groups: Vec<String>,
    pub(crate) series: Vec<Series>,
    pub(crate) scale: Scale,
}

/// The bars of one colour, one for each group; `None` where nothing was measured.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) values: Vec<Option<f64>>,
}

/// How a value becomes a height.
#[derive(Clone, Copy)]
pub(crate) enum Scale {
    Linear,
    /// A power of ten takes the same height everywhere.
    Logarithmic,
}

const COLOURS: [&str; 6] = [
    "#0b6e99", "#d9730d", "#6940a5", "#787774", "#448361", "#c14c8a",
];
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 320.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 270.0;

impl Chart {
    /// Draws it. Texts hold no markup: they are this program's own.
    pub(crate) fn to_svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"20\" y=\"24\" font-size=\"15\">{}</text>\n",
            self.title
        );
        let shown = || {
            let series = self.series.iter().zip(COLOURS);
            series.filter(|(series, _)| series.values.iter().any(Option::is_some))
        };
        for (place, (series, colour)) in shown().enumerate() {
            let x = 20.0 + 180.0 * place as f64;
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"36\" width=\"11\" height=\"11\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"46\">{}</text>",
                x + 16.0,
                series.name
            );
        }
        let group_width = (WIDTH - 40.0) / self.groups.len().max(1) as f64;
        let bar_width = (group_width - 24.0) / shown().count().max(1) as f64;
        for (group, name) in self.groups.iter().enumerate() {
            let left = 20.0 + group_width * group as f64;
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
                left + group_width / 2.0,
                BOTTOM + 20.0
            );
            for (place, (series, colour)) in shown().enumerate() {
                let Some(value) = series.values.get(group).copied().flatten() else {
                    continue;
                };
                let x = left + 12.0 + bar_width * place as f64;
                let height = self.height(value);
                let y = BOTTOM - height;
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" \
                     fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\" \
                     text-anchor=\"middle\">{}</text>",
                    bar_width - 2.0,
                    x + bar_width / 2.0 - 1.0,
                    y - 4.0,
                    label(value)
                );
            }
        }
        let _ = writeln!(
            svg,
            "<line x1=\"20\" y1=\"{BOTTOM}\" x2=\"{}\" y2=\"{BOTTOM}\" stroke=\"#37352f\"/>\n</svg>",
            WIDTH - 20.0
        );
        svg
    }

    fn height(&self, value: f64) -> f64 {
        let values = || {
            self.series
                .iter()
                .flat_map(|series| &series.values)
                .flatten()
        };
        let most = values().copied().fold(f64::MIN_POSITIVE, f64::max);
        let least = values().copied().fold(most, f64::min);
        let share = match self.scale {
            Scale::Linear => value / most,
            // The smallest bar is a tenth of the smallest value's power of ten above the ground.
            Scale::Logarithmic => (value * 10.0 / least).ln() / (most * 10.0 / least).ln(),
        };
        (share * (BOTTOM - TOP)).max(0.0)
    }
}

fn label(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}
