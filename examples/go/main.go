// Sensors at two sites of a plant, from Go: readings that come one by one and as an Arrow record batch, read
// back as Arrow. `go run . FILE` opens FILE or makes it.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory/mallocator"
)

const (
	six    = int64(1_714_543_200_000) // 2024-05-01T06:00:00 UTC, in the table's milliseconds
	minute = int64(60_000)
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "usage: %s FILE\n", os.Args[0])
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) (err error) {
	db, err := Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	readings, err := db.Readings()
	if err != nil {
		return err
	}

	for i := range int64(4) {
		temp := 70.5 + float64(i)
		if err := readings.AppendRow(six+i*30*minute, "boiler", &temp); err != nil {
			return err
		}
	}
	if err := readings.AppendRow(six+2*60*minute, "boiler", nil); err != nil {
		return err
	}
	batch := pump()
	defer batch.Release()
	rows, err := readings.AppendBatch(batch)
	if err != nil {
		return err
	}
	fmt.Println(rows, "rows as Arrow")

	if err := show(readings, "the first hour", NoStart, six+60*minute); err != nil {
		return err
	}
	if err := show(readings, "all", NoStart, NoEnd); err != nil {
		return err
	}

	fields := arrow.NewSchema(batch.Schema().Fields()[1:], nil)
	noTime := array.NewRecordBatch(fields, batch.Columns()[1:], batch.NumRows())
	defer noTime.Release()
	if _, err := readings.AppendBatch(noTime); err != nil {
		fmt.Println("refused,", err)
	}
	return nil
}

// pump makes the readings of the pump, in memory of C, as a batch has to be that C keeps beyond a call.
func pump() arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "ts", Type: arrow.FixedWidthTypes.Timestamp_ms},
		{Name: "site", Type: arrow.BinaryTypes.String},
		{Name: "temp", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	}, nil)
	builder := array.NewRecordBuilder(mallocator.NewMallocator(), schema)
	defer builder.Release()
	for i := range int64(3) {
		builder.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(six + i*45*minute))
		builder.Field(1).(*array.StringBuilder).Append("pump")
	}
	builder.Field(2).(*array.Float64Builder).AppendValues([]float64{41.25, 0, 43.5}, []bool{true, false, true})
	return builder.NewRecordBatch()
}

// show prints how many rows of a range there are, and what their temperatures add up to.
func show(readings Table, name string, start, end int64) error {
	reader, err := readings.Scan(start, end)
	if err != nil {
		return err
	}
	defer reader.Release()
	rows, nulls, sum := int64(0), 0, 0.0
	for reader.Next() { // a batch is good until the next one
		batch := reader.RecordBatch()
		temps := batch.Column(batch.Schema().FieldIndices("temp")[0]).(*array.Float64)
		rows += batch.NumRows()
		nulls += temps.NullN()
		for i := range temps.Len() {
			if temps.IsValid(i) {
				sum += temps.Value(i)
			}
		}
	}
	fmt.Printf("%s: %d rows, %d of them null, sum %.2f\n", name, rows, nulls, sum)
	return reader.Err()
}
