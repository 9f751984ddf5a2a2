"""The look: paper, ink and pine, with one cinnabar seal. Its fonts ship with gradio: nothing is fetched."""

from __future__ import annotations

from pathlib import Path

from gradio.themes import Base, Color, LocalFont, sizes

STYLE = Path(__file__).with_name("style.css")

_PINE = Color("#f1f5f1", "#e1eae3", "#c5d6ca", "#9fbba9", "#739a83", "#4f7d65", "#3b6651", "#2f5243", "#274237",
              "#1f352c", "#12211b", name="pine")  # fmt: skip
_PAPER = Color("#faf8f3", "#f4f1e9", "#e7e2d6", "#d3ccbc", "#a9a190", "#7d7666", "#5d5749", "#423e34", "#2a2822",
               "#1d1c18", "#131210", name="paper")  # fmt: skip
_CHINESE = ("PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC")


def theme() -> Base:
    """The theme for `launch(theme=...)`, light and dark."""
    return Base(
        primary_hue=_PINE, secondary_hue=_PINE, neutral_hue=_PAPER, radius_size=sizes.radius_lg,
        font=(LocalFont("Source Sans Pro", weights=(400, 700)), *_CHINESE, "system-ui", "sans-serif"),
        font_mono=(LocalFont("IBM Plex Mono", weights=(400, 600)), "ui-monospace", *_CHINESE, "monospace"),
    ).set(
        body_background_fill="*neutral_50", body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_800", body_text_color_dark="#ece7da",
        body_text_color_subdued="#6b6557", body_text_color_subdued_dark="#a8a18f",
        background_fill_primary="#fffefb", background_fill_primary_dark="#1a1916",
        background_fill_secondary="*neutral_100", background_fill_secondary_dark="#22211d",
        border_color_primary="*neutral_200", border_color_primary_dark="#35332c",
        border_color_accent="*primary_400", border_color_accent_dark="*primary_400",
        block_background_fill="transparent", block_background_fill_dark="transparent",
        block_border_width="0px", block_border_width_dark="0px", block_padding="0px", block_shadow="none",
        block_label_background_fill="transparent", block_label_background_fill_dark="transparent",
        block_label_text_color="*body_text_color_subdued", block_label_text_color_dark="*body_text_color_subdued",
        block_title_text_color="*body_text_color_subdued", block_title_text_color_dark="*body_text_color_subdued",
        block_title_text_size="*text_sm", block_title_text_weight="400", block_info_text_size="*text_xs",
        input_background_fill="#fffefb", input_background_fill_dark="#22211d",
        input_background_fill_focus="#ffffff", input_background_fill_focus_dark="#262520",
        input_border_color="*neutral_200", input_border_color_dark="#3b3931",
        input_border_color_focus="*primary_500", input_border_color_focus_dark="*primary_400",
        input_border_width="1px", input_shadow="none", input_shadow_focus="0 0 0 3px rgb(79 125 101 / 0.14)",
        input_placeholder_color="#948c7b", input_placeholder_color_dark="#8a8474",
        button_primary_background_fill="*primary_700", button_primary_background_fill_hover="*primary_600",
        button_primary_background_fill_dark="*primary_300", button_primary_background_fill_hover_dark="*primary_200",
        button_primary_text_color="#fdfcf8", button_primary_text_color_dark="*primary_950",
        button_primary_border_color="transparent", button_primary_border_color_dark="transparent",
        button_secondary_background_fill="transparent", button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="*neutral_100", button_secondary_background_fill_hover_dark="#2b2a25",
        button_secondary_text_color="*neutral_700", button_secondary_text_color_dark="#d8d2c2",
        button_secondary_border_color="*neutral_200", button_secondary_border_color_dark="#3b3931",
        button_border_width="1px", button_large_text_weight="600", button_large_padding="10px 18px",
        slider_color="*primary_600", slider_color_dark="*primary_400",
        color_accent="*primary_600", color_accent_soft="*primary_100", color_accent_soft_dark="#2a3a32",
        link_text_color="*primary_700", link_text_color_dark="*primary_300",
        loader_color="*primary_600", loader_color_dark="*primary_300",
        table_odd_background_fill="transparent", table_odd_background_fill_dark="transparent",
        table_even_background_fill="transparent", table_even_background_fill_dark="transparent",
        table_row_focus="*primary_100", table_row_focus_dark="#2a3a32",
        error_background_fill="#fdf3ef", error_background_fill_dark="#2d1a15", error_border_color="#e3b7a9",
        error_border_color_dark="#6d3a2c", error_text_color="#8f3322", error_text_color_dark="#f0b6a6",
        stat_background_fill="*primary_200", stat_background_fill_dark="*primary_700",
        shadow_drop="none", shadow_drop_lg="0 8px 30px rgb(42 40 34 / 0.08)",
    )  # fmt: skip
