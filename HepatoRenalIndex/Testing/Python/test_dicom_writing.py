"""Gray images written as DICOM are read again as they were, with the size of their pixels and no name."""

from io import BytesIO

import numpy as np
import pydicom
import pytest
from HepatoRenalIndexLib.imaging.dicom_writing import dicom_bytes
from HepatoRenalIndexLib.imaging.reader import open_ultrasound


@pytest.mark.parametrize("shape", [(40, 61), (33, 35)])
@pytest.mark.parametrize("spacing", [(0.45, 0.5), None])
def test_an_image_is_read_as_it_was_written(tmp_path, shape, spacing):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = tmp_path / "0001.dcm"
    path.write_bytes(dicom_bytes(pixels, spacing, "P001"))
    with open_ultrasound(path) as file:
        image = file.frame(0)
    np.testing.assert_array_equal(image.pixels, pixels)
    if spacing is None:
        assert image.regions == ()
    else:
        (region,) = image.regions
        assert (region.delta_x_mm, region.delta_y_mm) == pytest.approx(spacing) and region.shows_tissue
    header = pydicom.dcmread(path)
    assert (header.PatientID, str(header.PatientName)) == ("P001", "")
    assert dicom_bytes(pixels, spacing, "P001") == path.read_bytes()
    assert pydicom.dcmread(path).SOPInstanceUID != _other(pixels, spacing).SOPInstanceUID


def _other(pixels, spacing):
    return pydicom.dcmread(BytesIO(dicom_bytes(255 - pixels, spacing, "P001")))
