"""Parameters of a phantom: everything that decides one simulated frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from ..geometry.scan import ProbeShape


class Content(str, Enum):  # noqa: UP042 as every enumeration of the library
    """What the frame shows. All but the first must be refused by a measurement."""

    LIVER_KIDNEY = "liver_kidney"
    NO_KIDNEY = "no_kidney"  # liver alone
    NO_LIVER = "no_liver"  # kidney beside bowel and muscle
    CHAMBERS = "chambers"  # blood-filled chambers with thick walls, neither organ
    SOFT_TISSUE = "soft_tissue"  # layered tissue, neither organ


@dataclass(frozen=True)
class ScanParameters:
    """Transducer and where the scan lies in the image.

    ``spacing_mm`` is a pixel's width and ``aspect`` its height divided by its width (0.8..1.25). ``center_x`` and
    ``top_y`` are the pixel position of the middle of the transducer surface (for a sector near the apex);
    they, and the lateral limits, may lie so that the image border clips the scan. Angles are in radians from
    straight down, positive to the right. ``near_radius_mm`` (0..80) is the distance from the apex to the
    transducer surface, 0 for LINEAR; ``width_mm`` is the footprint of a LINEAR array.
    """

    shape: ProbeShape = ProbeShape.SECTOR
    rows: int = 480
    columns: int = 640
    spacing_mm: float = 0.45
    aspect: float = 1.0
    center_x: float = 320.0
    top_y: float = 20.0
    depth_mm: float = 160.0  # 40..240
    near_radius_mm: float = 2.0
    angle_min: float = -0.85
    angle_max: float = 0.85
    width_mm: float = 50.0
    frequency_mhz: float = 2.5  # 1.5..10
    aperture_mm: float = 18.0  # active aperture, decides the lateral resolution
    cycles: float = 1.6  # pulse length in wavelengths, decides the axial resolution
    focus_mm: float = 90.0  # transmit focus
    beams: int = 0  # scan lines; 0 takes 224 for a sector and 256 otherwise
    path_beams: int = 0  # the aperture averages what lies in front over this many to each side; 0 takes 6 and 9

    def __post_init__(self):
        positive = ("rows", "columns", "spacing_mm", "aspect", "depth_mm", "width_mm", "frequency_mhz", "aperture_mm")
        for name in (*positive, "cycles", "focus_mm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} of a scan must be positive, got {getattr(self, name)}")
        if self.shape is ProbeShape.UNKNOWN:
            raise ValueError("a scan is a sector, curved or linear one")
        if self.shape is not ProbeShape.LINEAR and not -1.5 < self.angle_min < self.angle_max < 1.5:
            raise ValueError("the scan angles must rise from angle_min to angle_max, within 1.5 rad of straight down")


@dataclass(frozen=True)
class KidneyParameters:
    """Right kidney, in mm from the middle of the transducer surface, x to the right and y down.

    Drawn for a view with the kidney on the left; ``mirrored`` of :class:`AnatomyParameters` flips it.
    """

    x: float = -36.0
    y: float = 100.0  # 35..150
    half_length: float = 52.0  # 30..65
    half_thickness: float = 25.0  # 14..32
    tilt: float = 0.35  # rad, the right (cranial) end lies deeper when positive
    lobulation: float = 0.03  # 0..0.08, relative depth of the outline's waves
    sinus: float = 0.45  # 0.3..0.6, size of the sinus relative to the kidney
    pyramids: int = 8  # 0..11, visible medullary pyramids
    perirenal_fat_mm: float = 4.0  # 0..15
    cysts: int = 0


@dataclass(frozen=True)
class LiverParameters:
    """Liver: an ellipse bounded by the body wall, the kidney's fat and the diaphragm. Lengths in mm."""

    x: float = 15.0
    y: float = 65.0
    half_width: float = 75.0
    half_height: float = 75.0
    border_roughness_mm: float = 0.5  # 0..3, nodular border of cirrhosis
    coarseness_db: float = 0.8  # 0.3..3, blotchy texture
    interface_slope: float = -0.2  # slope of the lower border beyond the kidney's lower pole, -0.6..0.3
    hepatic_veins: int = 2  # dark, without visible wall
    portal_veins: int = 3  # bright wall
    gallbladder: bool = False
    cysts: int = 0
    dome: bool = False  # under the diaphragm the liver meets lung everywhere, as in subcostal views towards the dome


@dataclass(frozen=True)
class VesselParameters:
    """A named vessel of the liver, beside the random ones: a tapering tube along at least two points.

    ``points`` are ``(x, y, radius)`` in mm, in the frame of :class:`KidneyParameters`; ``wall_mm`` is the thickness of
    its echogenic wall, 0 for a hepatic vein.
    """

    points: tuple[tuple[float, float, float], ...]
    wall_mm: float = 0.0  # 0..3


@dataclass(frozen=True)
class AnatomyParameters:
    """The body under the transducer."""

    content: Content = Content.LIVER_KIDNEY
    mirrored: bool = False  # kidney on the right of the image
    skin_mm: float = 2.0
    fat_mm: float = 10.0  # subcutaneous, 2..40
    muscle_mm: float = 10.0  # 4..20
    kidney: KidneyParameters = field(default_factory=KidneyParameters)
    liver: LiverParameters = field(default_factory=LiverParameters)
    ribs: int = 0  # ribs in the body wall, each casts a shadow
    lung_curtain: float = 1.2  # share of the field of view, from the kidney's side, where aerated lung begins; > 1 none
    bowel_gas: bool = False  # gas below the lower pole, beside the liver
    warp_mm: float = 2.0  # 0..5, smooth elastic deformation of everything
    offset_mm: tuple[float, float] = (0.0, 0.0)  # the organs move against the probe (breathing)
    vessels: tuple[VesselParameters, ...] = ()  # hepatic veins, portal branches, vena cava where the view shows them


@dataclass(frozen=True)
class AcousticParameters:
    """Tissue properties that matter for the index. Levels in dB relative to normal liver."""

    fat_fraction: float = 0.03  # proton density fat fraction of the liver, 0..0.5
    cortex_db: float = -2.5  # -6..1
    medulla_db: float = -3.5  # relative to the cortex, -7..0
    sinus_db: float = 6.0  # relative to the cortex, 2..12
    contrast: float = 1.0  # 0.5..1.5, factor on the contrast of all other tissue
    lung_db: float = -6.0  # haze below aerated lung, -14..-2
    specular_db: float = 10.0  # 0..18, interfaces met at a right angle
    liver_db: float | None = None  # backscatter, -6..18; None takes that of the fat fraction
    liver_attenuation: float | None = None  # dB/cm/MHz, 0.35..1.2; None takes that of the fat fraction
    vessel_fill_db: float | None = None  # off-axis echo within vessels relative to the parenchyma, -30..-3
    wall_db: float = 0.0  # portal walls of a liver without fat, on top of their own, 0..8
    beam_widening: float = 1.0  # 1..3, factor on the lateral point spread (aberration in the body wall and in fat)


@dataclass(frozen=True)
class ReceiverParameters:
    """From the echo to the gray level."""

    dynamic_range_db: float = 60.0  # 40..80
    gain_db: float = 0.0  # -12..12 about a well-set image
    tgc_db_cm_mhz: float = 0.52  # nominal attenuation that TGC compensates
    tgc_errors_db: tuple[float, ...] = (0.0,) * 8  # sliders, from near to far
    focal_gain_db: float = 1.5  # -3..4
    noise_db: float = -46.0  # electronic noise at the surface, relative to normal liver; TGC amplifies it
    clutter_db: float = -4.0  # reverberation near the transducer
    contact_loss_db: tuple[float, float] = (3.0, 10.0)  # left and right scan border, 0..35
    contact_width: tuple[float, float] = (0.2, 0.35)  # share of the field of view that it reaches into
    gamma: float = 1.0  # 0.7..1.4, gray map
    s_curve: float = 0.0  # 0..0.5, gray map
    looks: int = 2  # 1..4, compounded frames
    smoothing_px: float = 0.4  # 0..1.2, display smoothing
    edge_enhancement: float = 0.0  # 0..1


@dataclass(frozen=True)
class DisplayParameters:
    """What the scanner draws around (and seldom over) the scan."""

    text: int = 4  # number of text items
    ruler: str = "edge"  # "edge" (ticks and numbers along the scan border), "column" (vertical), "none"
    ruler_side: str = "left"
    ruler_dots: bool = False  # dots instead of ticks, "column" only
    gray_bar: str = "right"  # "left", "right", "none"
    ecg: bool = False
    logo: bool = True  # probe orientation mark
    calipers: int = 0  # 0..3 distance measurements drawn over the scan
    background: int = 0  # gray level of the surround, 0..20
    seed: int = 0  # decides text and positions


@dataclass(frozen=True)
class PhantomParameters:
    """One simulated frame. ``seed`` decides shapes and texture, ``speckle_seed`` the speckle realization alone.

    ``speckle_phase`` (rad) turns one realization smoothly into another: frames of a clip share the seeds and differ in
    phase and in ``anatomy.offset_mm``.
    """

    scan: ScanParameters = field(default_factory=ScanParameters)
    anatomy: AnatomyParameters = field(default_factory=AnatomyParameters)
    acoustics: AcousticParameters = field(default_factory=AcousticParameters)
    receiver: ReceiverParameters = field(default_factory=ReceiverParameters)
    display: DisplayParameters = field(default_factory=DisplayParameters)
    seed: int = 0
    speckle_seed: int = 0
    speckle_phase: float = 0.0

    def with_speckle(self, speckle_seed: int) -> PhantomParameters:
        """The same frame with another speckle realization."""
        return replace(self, speckle_seed=speckle_seed)
